package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"banksman.dev/reconcile/notify"
)

func fileFor(names ...string) string {
	var b strings.Builder
	b.WriteString("apiVersion: banksman.dev/v1alpha1\nkind: Configuration\nrepositories:\n")
	for _, name := range names {
		b.WriteString("- {name: " + name + ", url: https://github.com/dora/" + name + ", trust: none}\n")
	}
	return b.String()
}

// A changing is a configuration file that changes while its sources are followed.
type changing struct {
	*reloading
	file string
	said func() string
	read []bool // whether each changed file could be read
	ctx  context.Context
}

func newChanging(t *testing.T, names ...string) *changing {
	t.Helper()
	all, said := sourcesWith(newDiary(), untilEnded)
	c := &changing{file: filepath.Join(t.TempDir(), "banksman.yaml"), said: said.String}
	all.process.config = c.file
	write(t, c.file, fileFor(names...))
	first := glance{content: fileFor(names...)}
	c.reloading = &reloading{process: all.process, sources: all, report: func(err error) { c.read = append(c.read, err == nil) }, seen: first, judged: first}
	var err error
	if all.process.notifier, err = notify.Start(notify.Options{Log: all.process.logger}, nil); err != nil {
		t.Fatal(err)
	}
	var end context.CancelFunc
	c.ctx, end = context.WithCancel(t.Context())
	wanted, err := sourcesOf(c.file, []byte(first.content))
	if err != nil {
		t.Fatal(err)
	}
	all.settle(c.ctx, wanted)
	t.Cleanup(func() {
		end()
		all.settle(c.ctx, nil)
		endNotifications(all.process.notifier)
	})
	return c
}

func (c *changing) followed() (names []string) {
	for _, f := range c.sources.all {
		names = append(names, f.Name)
	}
	return names
}

func TestAChangedFileIsFollowedOnceItIsWhole(t *testing.T) {
	c := newChanging(t, "a", "b")
	half := strings.TrimSuffix(fileFor("b", "c"), fileFor("c")[len(fileFor()):])
	for _, step := range []struct {
		name, content string
		followed      []string
		read          []bool
	}{
		{"nothing changed", fileFor("a", "b"), []string{"a", "b"}, nil},
		{"half of it is written, which is a whole file", half, []string{"a", "b"}, nil},
		{"all of it is written", fileFor("b", "c"), []string{"a", "b"}, nil},
		{"and stays", fileFor("b", "c"), []string{"b", "c"}, []bool{true}},
		{"and stays", fileFor("b", "c"), []string{"b", "c"}, []bool{true}},
		{"a fault", fileFor("b", "c") + "x: 1\n", []string{"b", "c"}, []bool{true}},
		{"is said", fileFor("b", "c") + "x: 1\n", []string{"b", "c"}, []bool{true, false}},
		{"once", fileFor("b", "c") + "x: 1\n", []string{"b", "c"}, []bool{true, false}},
		{"no file", "", []string{"b", "c"}, []bool{true, false}},
		{"is said", "", []string{"b", "c"}, []bool{true, false, false}},
		{"once", "", []string{"b", "c"}, []bool{true, false, false}},
		{"what was there before is back", fileFor("b", "c"), []string{"b", "c"}, []bool{true, false, false}},
		{"and in force, as it was all the time", fileFor("b", "c"), []string{"b", "c"}, []bool{true, false, false, true}},
	} {
		if step.content == "" {
			_ = os.Remove(c.file) // it may be gone already
		} else {
			write(t, c.file, step.content)
		}
		c.look(c.ctx)
		if diff := cmp.Diff(step.followed, c.followed()); diff != "" {
			t.Errorf("%s: followed:\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.read, c.read); diff != "" {
			t.Errorf("%s: read:\n%s", step.name, diff)
		}
		if n := strings.Count(c.said(), "configuration="); n != len(step.read) {
			t.Errorf("%s: %d lines, want %d:\n%s", step.name, n, len(step.read), c.said())
		}
	}
	for _, line := range []string{
		`msg="the configuration was read anew" configuration=` + c.file + ` repositories=2 begun=[c] ended=[a]`,
		c.file + `:6:1: unknown key \"x\" in the configuration`,
		`no such file or directory`,
		`repositories=2 begun=[] ended=[]`,
	} {
		if !strings.Contains(c.said(), line) {
			t.Errorf("%s is not said in\n%s", line, c.said())
		}
	}
}

func TestAMountedFileIsReadThroughTheLinkThatChanges(t *testing.T) {
	c := newChanging(t, "a")
	dir := t.TempDir()
	for version, names := range map[string][]string{"1": {"a"}, "2": {"a", "b"}} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "banksman.yaml"), fileFor(names...))
	}
	link(t, "1", filepath.Join(dir, "..data"))
	link(t, "..data/banksman.yaml", filepath.Join(dir, "banksman.yaml"))
	c.process.config = filepath.Join(dir, "banksman.yaml")
	c.look(c.ctx)
	link(t, "2", filepath.Join(dir, "..data"))
	c.look(c.ctx)
	c.look(c.ctx)
	if diff := cmp.Diff([]string{"a", "b"}, c.followed()); diff != "" {
		t.Error(diff)
	}
}

func TestWhoWaitedForTheLeaseBeginsWithWhatTheFileSaysNow(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"it changed":      {fileFor("b", "c"), []string{"b", "c"}},
		"it has a fault":  {"x: 1", []string{"a"}},
		"it is not there": {"", []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			changing := newChanging(t, "a")
			pr := changing.process
			pr.content = []byte(fileFor("a"))
			var err error
			if pr.sources, err = sourcesOf(changing.file, pr.content); err != nil {
				t.Fatal(err)
			}
			if c.content != "" {
				write(t, changing.file, c.content)
			} else if err := os.Remove(changing.file); err != nil {
				t.Fatal(err)
			}
			pr.catchUp()
			var names []string
			for _, s := range pr.sources {
				names = append(names, s.Name)
			}
			if diff := cmp.Diff(c.want, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// link makes or swaps a symbolic link, as the kubelet does.
func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(at+".new", at); err != nil {
		t.Fatal(err)
	}
}
