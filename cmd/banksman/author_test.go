package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who commits is asked of git as in the user's own shell: without what the other
// tests export, and with a configuration of its own.
func withoutAuthor(t *testing.T, global string) {
	t.Helper()
	for _, who := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		for _, what := range []string{"_NAME", "_EMAIL"} {
			t.Setenv(who+what, "")
			if err := os.Unsetenv(who + what); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(file, []byte(global), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EMAIL", "")
	t.Setenv("GIT_CONFIG_GLOBAL", file)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
}

func TestACommitIsTheOneOfWhoeverCommitsInTheFolder(t *testing.T) {
	const erin = "[user]\nname = erin\nemail = erin@example.com\n"
	for name, c := range map[string]struct {
		global string
		local  map[string]string
		want   string // of the author, and then of the committer
		says   string
	}{
		"with the settings of the clone":                      {erin, map[string]string{"user.name": "dave", "user.email": "dave@example.com"}, "dave dave@example.com dave dave@example.com", ""},
		"with those of the user, where the clone has none":    {erin, nil, "erin erin@example.com erin erin@example.com", ""},
		"with an address of the clone and a name of the user": {erin, map[string]string{"user.email": "dave@example.com"}, "erin dave@example.com erin dave@example.com", ""},
		"with another author than committer":                  {erin, map[string]string{"author.name": "dave", "author.email": "dave@example.com"}, "dave dave@example.com erin erin@example.com", ""},
		"by nobody: what the machine is called is no account": {"", nil, "", "git knows no name and no e-mail address for the commit"},
		"by nobody, where only the address is missing":        {"[user]\nname = erin\n", nil, "", "git config --global user.email with an address of your GitHub account"},
		"by nobody, where the configuration cannot be read":   {"[user\n", nil, "", "cannot tell who commits in"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRevertible(t)
			w.commit("the second release", map[string]string{"gate.values.yaml": "tag: v2\n# the gate\n"})
			w.promoted(1, 1, 0)
			for key, value := range c.local {
				w.git("config", key, value)
			}
			withoutAuthor(t, c.global)
			said, code := w.run()
			if c.says != "" {
				if code != exitFailed || !strings.Contains(said, c.says) {
					t.Errorf("exit code %d, want %q:\n%s", code, c.says, said)
				}
				if strings.Contains(w.branches(), "rollback") {
					t.Error("something was pushed")
				}
				return
			}
			if code != exitOK {
				t.Fatalf("exit code %d\n%s", code, said)
			}
			w.at("banksman/rollback-gate-"+w.commits[0][:7], "gate.values.yaml")
			if got := w.git("log", "-1", "--format=%an %ae %cn %ce", "FETCH_HEAD"); got != c.want {
				t.Errorf("the commit is by %s, want %s", got, c.want)
			}
		})
	}
}
