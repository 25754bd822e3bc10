package gitsrc_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// snapshot is the files of a commit, by path; no path lies below another.
type snapshot map[string]leaf

type leaf struct{ mode, content string }

// histories writes random histories for git fast-import, the two ends of history n
// as refs/pull/2n/head (the branch) and refs/pull/2n+1/head (the head).
type histories struct {
	random *rand.Rand
	stream strings.Builder
	marks  int
}

// history is what the ends hold. base is nil unless the commit base is the one best
// common ancestor.
type history struct {
	branch, head, base snapshot
	unrelated          bool
}

type tip struct {
	mark  int
	files snapshot
}

func (h *histories) commit(files snapshot, parents ...tip) tip {
	h.marks++
	fmt.Fprintf(&h.stream, "reset refs/heads/scratch\ncommit refs/heads/scratch\nmark :%d\n", h.marks)
	// Dates lie: parents are often newer than their children.
	fmt.Fprintf(&h.stream, "committer bob <b@example.org> %d +0000\ndata 0\n", 1550495138+h.random.IntN(1000))
	for i, p := range parents {
		fmt.Fprintf(&h.stream, "%s :%d\n", []string{"from", "merge"}[min(i, 1)], p.mark)
	}
	h.stream.WriteString("deleteall\n")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f := files[name]
		fmt.Fprintf(&h.stream, "M %s inline %s\ndata %d\n%s\n", f.mode, name, len(f.content), f.content)
	}
	return tip{mark: h.marks, files: files}
}

// ahead adds up to three commits.
func (h *histories) ahead(from tip) tip {
	for range h.random.IntN(4) {
		from = h.commit(h.mutate(from.files), from)
	}
	return from
}

// join merges two tips, with a content that is mostly that of one of them.
func (h *histories) join(a, b tip) tip {
	files := a.files
	if h.random.IntN(2) == 0 {
		files = b.files
	}
	if h.random.IntN(3) == 0 {
		files = h.mutate(files)
	}
	return h.commit(files, a, b)
}

func (h *histories) add(number int) history {
	base := h.commit(h.mutate(h.mutate(h.mutate(snapshot{}))))
	branch, head := h.ahead(base), h.ahead(base)
	made := history{base: base.files}
	switch h.random.IntN(8) {
	case 0: // criss-cross
		x, y := h.commit(h.mutate(base.files), base), h.commit(h.mutate(base.files), base)
		branch, head = h.ahead(h.join(x, y)), h.ahead(h.join(y, x))
		made.base = nil
	case 1: // the branch was merged into the head once
		branch = h.commit(h.mutate(branch.files), branch)
		made.base = branch.files
		head = h.ahead(h.join(head, branch))
		branch = h.ahead(branch)
	case 2:
		if h.random.IntN(4) == 0 {
			head = h.commit(h.mutate(snapshot{}))
			made.unrelated = true
		}
	case 3: // both edit one file, often at different ends
		base = h.commit(h.edit(base.files), base)
		branch, head = h.commit(h.edit(base.files), base), h.commit(h.edit(base.files), base)
		made.base = base.files
	}
	made.branch, made.head = branch.files, head.files
	fmt.Fprintf(&h.stream, "reset refs/pull/%d/head\nfrom :%d\n\nreset refs/pull/%d/head\nfrom :%d\n\n", 2*number, branch.mark, 2*number+1, head.mark)
	return made
}

// names are few, so that both sides often touch the same ones, and some are files
// in one commit and folders in another.
var names = []string{"a", "b.yaml", "d", "d/x", "d/y", "d/e/z", "d/e", "d-1", "d.x", "f/g", "f", "long.yaml", "s/long.yaml", "s/t/u/v"}

func (h *histories) mutate(old snapshot) snapshot {
	files := maps.Clone(old)
	for range 1 + h.random.IntN(3) {
		name := names[h.random.IntN(len(names))]
		if h.random.IntN(4) == 0 {
			files.remove(name)
			continue
		}
		f := h.write(name, files[name])
		files.remove(name)
		for above := range files {
			if strings.HasPrefix(name, above+"/") {
				delete(files, above)
			}
		}
		files[name] = f
	}
	return files
}

// write puts the name into every line, so that git takes nothing for a rename: 2.39
// looks for renames whatever merge.renames says.
func (h *histories) write(name string, old leaf) leaf {
	if strings.HasSuffix(name, "long.yaml") { // two edits of it can be merged inside
		if old.content == "" || old.mode == "120000" {
			old = leaf{mode: "100644", content: strings.Repeat("0 "+name+"\n", 20)}
		}
		lines := strings.Split(old.content, "\n")
		lines[[]int{0, 10, 19}[h.random.IntN(3)]] = fmt.Sprint(h.random.IntN(3), " ", name)
		return leaf{mode: old.mode, content: strings.Join(lines, "\n")}
	}
	mode := []string{"100644", "100644", "100644", "100755", "120000"}[h.random.IntN(5)]
	return leaf{mode: mode, content: fmt.Sprint(h.random.IntN(3), " ", name)}
}

func (h *histories) edit(old snapshot) snapshot {
	files := maps.Clone(old)
	files["long.yaml"] = h.write("long.yaml", files["long.yaml"])
	return files
}

// remove takes away a file, or a folder with what is in it.
func (s snapshot) remove(name string) {
	for other := range s {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(s, other)
		}
	}
}

// expected is the merge by the book, one path at a time; inside says that both sides
// edited one file.
func (h history) expected() (merged snapshot, conflicts []string, inside bool) {
	merged = snapshot{}
	clash := map[string]bool{}
	all := maps.Clone(h.base)
	maps.Copy(all, h.branch)
	maps.Copy(all, h.head)
	for name := range all {
		o, b, d := h.base[name], h.branch[name], h.head[name]
		switch {
		case b == d, d == o:
			merged[name] = b
		case b == o:
			merged[name] = d
		default:
			clash[name] = true
			inside = inside || b != leaf{} && d != leaf{}
		}
		if merged[name] == (leaf{}) {
			delete(merged, name)
		}
	}
	below := func(above string, other string) bool { return strings.HasPrefix(other, above+"/") }
	for name := range all {
		for other := range all {
			if _, both := merged[other]; below(name, other) && (both || clash[other]) && merged[name] != (leaf{}) {
				conflicts = append(conflicts, name)
				break
			}
		}
	}
	for name := range clash {
		conflicts = append(conflicts, name)
	}
	slices.Sort(conflicts)
	return merged, slices.DeleteFunc(conflicts, func(name string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(clash)), func(above string) bool { return below(above, name) })
	}), inside
}

// differing are the paths that differ between two snapshots.
func differing(a, b snapshot) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var names []string
	for name := range all {
		if a[name] != b[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
