package gitsrc_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"banksman.dev/gitsrc"
)

// large is a repository of 1,000 services with 5 files each and 300 commits.
func large(b *testing.B) *remote {
	b.Helper()
	s := newRemote(b)
	var in strings.Builder
	put := func(path, content string) {
		fmt.Fprintf(&in, "M 100644 inline %s\ndata %d\n%s\n", path, len(content), content)
	}
	for c := range 300 {
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter bob <b@example.org> %d +0000\ndata 4\nbump\n", 1550495138+c)
		if c > 0 {
			put(file(c*7%1000, 0), manifest(c*7%1000, c))
			continue
		}
		for service := range 1000 {
			for f := range 5 {
				put(file(service, f), manifest(service, f))
			}
		}
	}
	s.gitInput(s.dir, in.String(), "fast-import", "--quiet")
	s.git(s.dir, "repack", "-adq")
	s.git(s.work, "fetch", "-q", "--depth=1", "origin", "main")
	s.git(s.work, "checkout", "-q", "-B", "main", "FETCH_HEAD")
	return s
}

func file(service, n int) string { return fmt.Sprintf("services/s%04d/f%d.yaml", service, n) }

func manifest(service, version int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: s%04d\ndata:\n  version: %q\n%s", service, strconv.Itoa(version), strings.Repeat("  key: value of a line\n", 30))
}

func BenchmarkCloneOf300CommitsAnd5000Files(b *testing.B) {
	s := large(b)
	b.ReportAllocs()
	for b.Loop() {
		fetch(b, open(b, gitsrc.Options{URL: s.url()}))
	}
}

func BenchmarkFetchNothingNew(b *testing.B) {
	s := large(b)
	r := open(b, gitsrc.Options{URL: s.url()})
	fetch(b, r)
	b.ReportAllocs()
	for b.Loop() {
		fetch(b, r)
	}
}

func BenchmarkFetchOneCommit(b *testing.B) {
	s := large(b)
	r := open(b, gitsrc.Options{URL: s.url()})
	fetch(b, r)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		want := s.commit("bump", file(n%1000, 0), manifest(n, 1000+n))
		b.StartTimer()
		if got := fetch(b, r); got != want {
			b.Fatalf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkReadFiveFilesOfOneService(b *testing.B) {
	s := large(b)
	r := open(b, gitsrc.Options{URL: s.url()})
	head := fetch(b, r)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		tree, err := r.Tree(head)
		if err != nil {
			b.Fatal(err)
		}
		n++
		for f := range 5 {
			if _, err := tree.ReadFile(file(n%1000, f)); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// Three services changed in the pull request, one other on the branch since.
func BenchmarkMergedOf1000ServicesWith3Changed(b *testing.B) {
	s := large(b)
	base := sha(b, s.git(s.dir, "rev-parse", "main"))
	var files []string
	for _, service := range []int{10, 500, 990} {
		files = append(files, file(service, 1), manifest(service, 5000))
	}
	pull := s.pull(1, base, files...)
	head := s.commit("bump", file(700, 0), manifest(700, 5000))
	for _, c := range []struct {
		name string
		cold bool
	}{{"warm", false}, {"cold", true}} {
		b.Run(c.name, func(b *testing.B) {
			dir := b.TempDir()
			r := open(b, gitsrc.Options{URL: s.url(), Dir: dir})
			fetch(b, r)
			fetchPulls(b, r, pulls{1: pull})
			b.ReportAllocs()
			for b.Loop() {
				if c.cold { // nothing cached, not even the packs' indexes
					b.StopTimer()
					r = open(b, gitsrc.Options{URL: s.url(), Dir: dir})
					b.StartTimer()
				}
				m, err := r.Merged(head, pull)
				if err != nil || len(m.Changed) != 3 || len(m.Conflicts) != 0 {
					b.Fatalf("%v, %v", m, err)
				}
			}
		})
	}
}
