package reconcile

import (
	"slices"
	"strings"
)

// next are the worlds one event further.
func (w pairWorld) next(l pairRules) []pairWorld {
	var out []pairWorld
	event := func(change func(*pairWorld)) {
		n := w.clone()
		change(&n)
		out = append(out, n)
	}
	if len(w.pulls) < 2 {
		for _, kind := range pairKinds {
			event(func(n *pairWorld) { n.open(kind) })
		}
		if tip := len(w.parts[0].branch) - 1; tip > 0 {
			event(func(n *pairWorld) { n.openRevert() })
		}
	}
	for i, p := range w.pulls {
		event(func(n *pairWorld) { n.push(i) })
		event(func(n *pairWorld) { n.pulls = slices.Delete(n.pulls, i, i+1) }) // closed
		for review := reviewNone; review <= reviewChangesRequested; review++ {
			// Changes requested are taken back, then comes an approval.
			if review != p.review && review+p.review != reviewApproved+reviewChangesRequested {
				event(func(n *pairWorld) { n.pulls[i].review = review })
			}
		}
		if !w.conflicts(p) && w.mayGrow() {
			event(func(n *pairWorld) { n.merge(i) })
		}
	}
	out = append(out, w.nextOnBranch()...)
	return append(out, w.nextInCluster(l)...)
}

func (w pairWorld) mayGrow() bool { return len(w.parts[0].branch) < mostPairCommits }

// pairKinds are what a pull request may change: the shared file, both services,
// or the second one. An own file is named by a small letter.
var pairKinds = [][2]string{{"B", ""}, {"b", "b"}, {"", "b"}}

// named replaces the letters by the next fresh one.
func (w *pairWorld) named(kind [2]string) [2]string {
	w.letters++
	for s := range kind {
		kind[s] = strings.Map(func(r rune) rune {
			if r <= 'Z' {
				return 'A' + rune(w.letters)
			}
			return 'a' + rune(w.letters)
		}, kind[s])
	}
	return kind
}

func (w *pairWorld) open(kind [2]string) {
	w.opened++
	w.pulls = append(w.pulls, pairPull{number: w.opened, adds: w.named(kind), base: w.sharedFile()})
}

// openRevert proposes to take the newest commit back.
func (w *pairWorld) openRevert() {
	w.opened++
	p := pairPull{number: w.opened, base: w.sharedFile()}
	for s := range w.parts {
		b := w.parts[s].branch
		was, is := b[len(b)-2].content, b[len(b)-1].content
		p.adds[s], p.drops[s] = lettersLess(was, is), lettersLess(is, was)
	}
	w.pulls = append(w.pulls, p)
}

func lettersLess(a, b string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(b, r) {
			return -1
		}
		return r
	}, a)
}

// push changes the proposed content and updates the branch of the pull request.
// An approval was of the content before.
func (w *pairWorld) push(i int) {
	p := &w.pulls[i]
	kind := p.adds
	if kind == [2]string{} {
		kind[0] = "B"
	}
	p.adds, p.base = w.named(kind), w.sharedFile()
	p.revision++
	if p.review == reviewApproved {
		p.review = reviewNone
	}
}

func (w *pairWorld) commit(contents [2]string, m modelCommit) {
	for s := range w.parts {
		m.content = contents[s]
		w.parts[s].branch = append(w.parts[s].branch, m)
	}
}

func (w *pairWorld) merge(i int) {
	p := w.pulls[i]
	w.pulls = slices.Delete(w.pulls, i, i+1)
	w.commit([2]string{p.merged(0, w.tip(0)), p.merged(1, w.tip(1))}, modelCommit{pull: true, approved: p.review == reviewApproved})
}
