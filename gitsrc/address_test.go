package gitsrc

import (
	"io/fs"
	"strings"
	"testing"
)

func TestWhichAddressesAreAccepted(t *testing.T) {
	for _, c := range []struct{ raw, want, refused string }{
		{raw: "https://github.com/qiniu/manifests", want: "https://github.com/qiniu/manifests"},
		{raw: "https://github.com/qiniu/manifests.git/", want: "https://github.com/qiniu/manifests.git"},
		{raw: "http://127.0.0.1:8080/o/n", want: "http://127.0.0.1:8080/o/n"},
		{raw: "http://127.8.9.1/o/n", want: "http://127.8.9.1/o/n"},
		{raw: "http://[::1]:80/o/n", want: "http://[::1]:80/o/n"},
		{raw: "http://localhost/o/n", want: "http://localhost/o/n"},
		{raw: "http://github.com/o/n", refused: "use https"},
		{raw: "http://169.254.169.254/o/n", refused: "use https"},
		{raw: "http://127.0.0.1.example.org/o/n", refused: "use https"},
		{raw: "https://secret@github.com/o/n", refused: "use the token option"},
		{raw: "https://u:secret@github.com/o/n", refused: "use the token option"},
		{raw: "https://u:se%zzcret@github.com/o/n", refused: "cannot be parsed"},
		{raw: "https://github.com/", refused: "names no repository"},
		{raw: "https://github.com/o/n?token=secret", refused: "query or fragment"},
		{raw: "https://github.com/o/n#secret", refused: "query or fragment"},
		{raw: "https:///o/n", refused: "no valid host"},
		{raw: "https://-oProxyCommand=x/o", refused: "no valid host"},
		{raw: "git@github.com:o/n", refused: "cannot be parsed"},
		{raw: "ssh://git@github.com/o/n", refused: "use the token option"},
		{raw: "ssh://github.com/o/n", refused: `scheme "ssh" is not supported`},
		{raw: "git://github.com/o/n", refused: `scheme "git" is not supported`},
		{raw: "ext::sh -c touch% /tmp/x", refused: `scheme "ext" is not supported`},
		{raw: "--upload-pack=x", refused: "no scheme"},
		{raw: "", refused: "no scheme"},
		{raw: "file:///srv/repo", refused: "not allowed"},
		{raw: "/srv/repo", refused: "not allowed"},
	} {
		a, err := parseAddress(c.raw, false)
		switch {
		case c.refused == "" && (err != nil || a.String() != c.want):
			t.Errorf("%s: %s, %v", c.raw, a.String(), err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: got %v, want %q", c.raw, err, c.refused)
		}
	}
	for raw, want := range map[string]string{"/srv/repo/": "file:///srv/repo", "file:///srv/../srv/repo": "file:///srv/repo"} {
		if a, err := parseAddress(raw, true); err != nil || a.String() != want {
			t.Errorf("%s: %s, %v", raw, a.String(), err)
		}
	}
	if _, err := parseAddress("file://host/x", true); err == nil {
		t.Error("a file URL with a host was accepted")
	}
}

func TestWhichBranchNamesAreAccepted(t *testing.T) {
	for _, good := range []string{"main", "release/1.2", "a-b_c", "ünï"} {
		if err := CheckBranch(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "..", "a/../x", "../../x", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "-x", "a b", "a~1", "a:b", "a*", "a\\b", "a\x00", "a@{1}", "@", "a.", strings.Repeat("a", 300)} {
		if CheckBranch(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzParseSHA(f *testing.F) {
	for _, s := range []string{"", "main", strings.Repeat("a", 40), strings.Repeat("A", 40), strings.Repeat("g", 40), "0123456"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sha, err := ParseSHA(s)
		if (err == nil) != (len(s) == 40 && strings.Trim(s, "0123456789abcdef") == "") {
			t.Fatalf("%q: %v", s, err)
		}
		if err == nil && sha.hash().String() != s {
			t.Fatalf("%q became %s", s, sha.hash())
		}
		if err != nil && SHA(s).hash().String() != strings.Repeat("0", 40) {
			t.Fatalf("%q has a hash", s)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{".", "a/b.yaml", "../x", ".git/config", "a/.GIT", "git~1", "a\\b", ".g\u200cit", "\xff", "a//b", ".git:x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkPath("open", s) != nil || s == "." {
			return
		}
		if !fs.ValidPath(s) || len(s) > MaxPathLength || strings.ContainsAny(s, "\\\x00\n\x1b\u200c\u202e") {
			t.Fatalf("%q was accepted", s)
		}
		for _, e := range strings.Split(strings.ToLower(s), "/") {
			if e == ".." || e == ".git" || strings.HasPrefix(e, ".git:") || strings.TrimRight(e, " .") == ".git" || e == "git~1" {
				t.Fatalf("%q was accepted", s)
			}
		}
	})
}

func FuzzTreeObject(f *testing.F) {
	f.Add([]byte("100644 a\x0001234567890123456789"))
	f.Add([]byte("40000 .git\x0001234567890123456789"))
	f.Add([]byte("100644 "))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := decodeTree(content)
		for _, e := range entries {
			if err == nil && (e.Name == "" || strings.Contains(e.Name, "\x00")) {
				t.Fatalf("entry %q", e.Name)
			}
		}
	})
}
