package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banksman.dev/render"
)

const head = "apiVersion: banksman.dev/v1alpha1\nkind: Configuration\n"

// one is a configuration with one repository that says these lines, too.
func one(lines ...string) string {
	return head + "repositories:\n- url: https://github.com/dora/manifests\n  trust: none\n" + strings.Join(lines, "\n") + "\n"
}

// two are two repositories with these lines.
func two(first, second string) string {
	return head + "repositories:\n- {trust: none, " + first + "}\n- {trust: none, " + second + "}\n"
}

// refused are files with a fault; beyond are those whose fault a JSON Schema
// cannot see.
var refused = []struct {
	name   string
	file   string
	want   string
	beyond bool
}{
	{name: "an empty file", file: "# nothing\n", want: "f.yaml: it is empty; banksman config --help shows an example"},
	{
		name: "two documents", file: one() + "---\na: b\n",
		want: "f.yaml:8: it has more than one YAML document; remove the --- line", beyond: true,
	},
	{
		name: "a file that is no YAML", file: "a: [",
		want: "f.yaml:1: not valid YAML: did not find expected node content; check the indentation and quoting around it", beyond: true,
	},
	{name: "a list", file: "- a\n", want: "f.yaml:1:1: the configuration is not a map; write it as key: value lines"},
	{
		name: "a map that says nothing of it", file: "interval: 3s\n",
		want: "f.yaml:1:1: the configuration does not say apiVersion; write apiVersion: banksman.dev/v1alpha1\n" +
			"f.yaml:1:1: the configuration does not say kind; write kind: Configuration\n" +
			"f.yaml:1:1: the configuration does not say repositories; name one: repositories: [{url: https://github.com/owner/name, trust: none}]",
	},
	{
		name: "another version", file: strings.Replace(one(), "v1alpha1", "v1", 1),
		want: `f.yaml:1:13: apiVersion "banksman.dev/v1" is unknown; known here: banksman.dev/v1alpha1`,
	},
	{
		name: "an unknown key", file: one("intervall: 3s"),
		want: `f.yaml:6:1: unknown key "intervall" in the configuration; did you mean "interval"?`,
	},
	{
		name: "an unknown key of a named repository", file: one("  name: dora", "  trsut: none"),
		want: `f.yaml:7:3: unknown key "trsut" in repository dora; did you mean "trust"?`,
	},
	{
		name: "a key that stands twice", file: one("  branch: main", "  branch: other"),
		want: `f.yaml:7:3: duplicate key "branch", first on line 6; keep one of them`, beyond: true,
	},
	{
		name: "a key that says nothing", file: one("  branch:"),
		want: "f.yaml:6:10: branch of this repository says nothing; give it a value, or leave the key out",
	},
	{
		name: "no trust", file: strings.Replace(one(), "  trust: none\n", "", 1),
		want: "f.yaml:4:3: this repository does not say trust; up to which commit does the branch count as approved? write trust: and its full hash (git rev-parse prints it), or trust: none",
	},
	{
		name: "a short commit", file: strings.Replace(one(), "none", "3f1e0a9", 1),
		want: `f.yaml:5:10: trust: commit "3f1e0a9": want 40 hex digits, got 7 characters; git rev-parse prints the full name; write the full hash, or none`,
	},
	{
		name: "two repositories without a name", file: two("url: https://github.com/dora/a", "url: https://github.com/dora/b"), beyond: true,
		want: "f.yaml:5:3: two repositories have no name, the first on line 4; give each but one a name; changing a name later hands its services to nobody",
	},
	{
		name: "two repositories of one name", file: two("name: a, url: https://github.com/dora/a", "name: a, url: https://github.com/dora/b"), beyond: true,
		want: "f.yaml:5:3: two repositories have the name a, the first on line 4; give one another name",
	},
	{
		name: "one repository twice in one environment", file: two("name: a, url: https://github.com/dora/a", "name: b, url: https://GitHub.com/Dora/a.git"), beyond: true,
		want: "f.yaml:5:3: the repository of line 4 stands here again with the same environment: their commit statuses would have the same names; give one of them another environment",
	},
	{
		name: "a name with capitals", file: one("  name: Dora"),
		want: `f.yaml:6:9: name "Dora" is none; use at most 40 lower-case letters, digits and dashes`,
	},
	{
		name: "a url with a token", file: strings.Replace(one(), "https://", "https://oauth2:s3cret@", 1),
		want: "f.yaml:4:8: url carries a user or a token; remove it, and give the token by github.tokenFile or github.app",
	},
	{
		name: "a url that sends the token unencrypted", file: strings.Replace(one(), "https://", "http://", 1), beyond: true,
		want: "f.yaml:4:8: url http://github.com/dora/manifests: http would send the token unencrypted; use https; http is for this machine only",
	},
	{
		name: "a url without an owner", file: strings.Replace(one(), "dora/", "", 1), beyond: true,
		want: "f.yaml:4:8: url https://github.com/manifests: its path is not owner/name; write it as url: https://github.com/owner/name",
	},
	{
		name: "an api with a token", file: one("github: {api: 'https://s3cret@host/'}"),
		want: "f.yaml:6:15: api carries a user or a token; write it as api: https://host/api/v3/",
	},
	{
		name: "a token file and an app", file: one("github: {tokenFile: t, app: {id: 1, installation: 2, privateKeyFile: k}}"),
		want: "f.yaml:6:9: github has a tokenFile and an app; keep one of them",
	},
	{
		name: "an app without a key", file: one("github: {app: {id: 1, installation: 2}}"),
		want: "f.yaml:6:15: app does not say privateKeyFile; write privateKeyFile: and the path of the App's key, a .pem file",
	},
	{
		name: "an app whose id is its name", file: one("github: {app: {id: banksman, installation: 2, privateKeyFile: k}}"),
		want: "f.yaml:6:20: id is not a whole number from 1; write it as id: 1",
	},
	{
		name: "a time without a unit", file: one("interval: 15"),
		want: `f.yaml:6:11: interval "15" is not a time; write it with its unit, such as 15s, 30m or 12h`,
	},
	{
		name: "too short an interval", file: one("  interval: 10ms"), beyond: true,
		want: "f.yaml:6:13: interval 10ms is too short; write at least 1s",
	},
	{
		name: "too short an audit", file: one("audit: 1s"), beyond: true,
		want: "f.yaml:6:8: audit 1s is too short; write at least 1m, or 0 for never",
	},
	{
		name: "no services beside each other", file: one("parallel: 0"),
		want: "f.yaml:6:11: parallel is not a whole number from 1; write it as parallel: 1",
	},
	{
		name: "a policy that asks for nobody", file: one("approvals: {minimum: {any: 0}}"),
		want: "f.yaml:6:28: minimum: any: 0 asks for no approval; write any: 1, or leave the approval step out",
	},
	{
		name: "a floor without a policy", file: one("approvals: {}"),
		want: "f.yaml:6:12: approvals does not say minimum; write minimum: {any: 1}",
	},
	{
		name: "a namespace that is none", file: one("  namespaces: [dora_apps]"),
		want: `f.yaml:6:16: namespace "dora_apps" is none; write the name of a namespace`,
	},
	{
		name: "no namespaces", file: one("  namespaces: []"),
		want: "f.yaml:6:15: namespaces is not a list with something in it; write it as lines that begin with a dash, or leave the key out",
	},
	{
		name: "one namespace twice", file: one("  namespaces: [a, a]"),
		want: `f.yaml:6:19: namespaces lists "a" twice; keep one of them`,
	},
	{
		name: "a kind as kubectl writes it", file: one("  kinds: [deployments.apps]"),
		want: `f.yaml:6:11: kind "deployments.apps" is none; write the kind, and its API group behind a dot: ConfigMap, Deployment.apps`,
	},
	{
		name: "a service account without its namespace", file: one("  serviceAccount: deployer"),
		want: `f.yaml:6:19: serviceAccount "deployer" is none; write it as namespace/name`,
	},
	{
		name: "a way to canaries that is none", file: one("  canaryFrom: labels"),
		want: `f.yaml:6:15: canaryFrom "labels" is unknown; did you mean "label"?`,
	},
	{
		name: "an author with an @", file: one("  authors: ['@alice']"),
		want: `f.yaml:6:13: login "@alice" is none; write the login alone, without @`,
	},
	{
		name: "a word for yes", file: one("  adopt: 1"),
		want: "f.yaml:6:10: adopt is neither true nor false; write adopt: true, or leave the key out",
	},
	{
		name: "an unknown notification", file: one("  notify: [release]", "notifications: [{name: releases, urlFile: f}]"), beyond: true,
		want: `f.yaml:6:12: no notification "release"; did you mean "releases"?`,
	},
	{
		name: "a notification where there are none", file: one("  notify: [releases]"), beyond: true,
		want: `f.yaml:6:12: no notification "releases"; add it to notifications`,
	},
	{
		name: "two notifications of one name", file: one("notifications: [{name: a, urlFile: f}, {name: a, urlFile: g}]"), beyond: true,
		want: "f.yaml:6:40: two notifications have the name a; give one another name",
	},
	{
		name: "a notification that goes nowhere", file: one("notifications: [{name: a}]"),
		want: "f.yaml:6:17: notification a says 0 times where it goes; write one of url, urlFile and webhook",
	},
	{
		name: "a notification that goes two ways", file: one("notifications: [{name: a, urlFile: f, webhook: {url: 'https://h/'}}]"),
		want: "f.yaml:6:17: notification a says 2 times where it goes; write one of url, urlFile and webhook",
	},
	{
		name: "a target with its secret", file: one("notifications: [{name: a, url: 'discord://s3cret@id'}]"),
		want: "f.yaml:6:32: url carries a user or a token; put it in a file, and name that with urlFile",
	},
	{
		name: "a webhook that is no address", file: one("notifications: [{name: a, webhook: {url: hooks}}]"),
		want: "f.yaml:6:42: url is not the address of a webhook; write it as https://host/path",
	},
	{
		name: "an unknown event", file: one("notifications: [{name: a, urlFile: f, events: [promotd]}]"),
		want: `f.yaml:6:48: event "promotd" is unknown; did you mean "promoted"?`,
	},
	{
		name: "a malformed glob", file: one("notifications: [{name: a, urlFile: f, services: ['[']}]"), beyond: true,
		want: `f.yaml:6:50: glob "[" is malformed; write a name with * and ? in it, such as fop-*`,
	},
	{
		name: "a url whose owner cannot be one", file: strings.Replace(one(), "dora/", "do%20ra/", 1), beyond: true,
		want: "f.yaml:4:8: url https://github.com/do%20ra/manifests: its path is not owner/name; write it as url: https://github.com/owner/name",
	},
	{
		name: "a branch that git would not take", file: one("  branch: a..b"), beyond: true,
		want: `f.yaml:6:11: branch "a..b" is no name of a branch; write it without refs/heads/, such as main`,
	},
	{
		name: "a catalog outside of the repository", file: one("  catalog: ../services.yaml"), beyond: true,
		want: `f.yaml:6:12: catalog "../services.yaml" is no path in the repository; write it from the repository's root, without a leading slash, ./ or ..`,
	},
	{
		name: "a catalog on the machine", file: one("  catalog: /services.yaml"),
		want: `f.yaml:6:12: catalog "/services.yaml" is no path in the repository; write it from the repository's root, without a leading slash, ./ or ..`,
	},
	{
		name: "several faults at once", file: one("  branch: [main]", "  adopt: maybe", "other: 1"),
		want: "f.yaml:6:11: branch is not a word; write it as a string\n" +
			"f.yaml:7:10: adopt is neither true nor false; write adopt: true, or leave the key out\n" +
			`f.yaml:8:1: unknown key "other" in the configuration; known here: apiVersion, approvals, audit, environment, github, interval, kind, notifications, parallel, repositories`,
	},
}

func TestAFaultIsSaidWithItsPlace(t *testing.T) {
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read("f.yaml", []byte(c.file))
			if err == nil {
				t.Fatalf("it was read:\n%s", c.file)
			}
			if err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
			var first *render.Error
			if !errors.As(err, &first) {
				t.Errorf("%T holds no *render.Error", err)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("a secret is repeated: %v", err)
			}
		})
	}
}

func TestTheExampleIsRead(t *testing.T) {
	if _, err := Read("example.yaml", Example()); err != nil {
		t.Error(err)
	}
	if err := compiled(t).Validate(instance(t, Example())); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsTooLargeIsNotRead(t *testing.T) {
	if _, err := Read("f.yaml", make([]byte, Largest+1)); err == nil {
		t.Error("it was read")
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	for _, name := range []string{"whole.yaml", "least.yaml"} {
		t.Run(name, func(t *testing.T) {
			read := fileOf(t, name)
			written, err := read.Encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := Read(filepath.Join("testdata", name), written)
			if err != nil {
				t.Fatalf("%v in\n%s", err, written)
			}
			if diff := cmp.Diff(read, again, cmp.AllowUnexported(Configuration{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func fileOf(t *testing.T, name string) *Configuration {
	t.Helper()
	file := filepath.Join("testdata", name)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Read(file, content)
	if err != nil {
		t.Fatal(err)
	}
	return read
}
