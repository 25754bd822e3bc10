package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// An openPull is an open pull request, and what it comes to once it is merged
// onto the branch's head.
type openPull struct {
	approvals.Proposal
	eligible approvals.Eligibility
	merged   mergedPull
	isMoving bool               // it has another head by now; the next look shows it
	isEnded  bool               // what became of it is known
	isGone   bool               // it has its turn and is not open any more; what became of it is being asked
	failedIn render.ServiceName // whose canary failed
}

func (o *openPull) head() gitsrc.SHA { return gitsrc.SHA(o.Head) }

// contentUnknown: it cannot be read now, which says nothing against it.
func (o *openPull) contentUnknown() bool { return o.merged.unread != nil || o.merged.unfetched }

// name is "#12".
func (o *openPull) name() string { return fmt.Sprintf("#%d", o.Number) }

// A mergedPull is the content of a pull request merged onto the branch path by
// path. Nobody has approved it.
type mergedPull struct {
	unread    error    // it cannot be read now
	unfetched bool     // nor could its commits be fetched, which fault tells
	fault     string   // why it cannot be merged, or its catalog not be read; "" when both can
	blind     bool     // the branch's own catalog cannot be read: what it changes is not known
	conflicts []string // paths that both sides changed; then nothing is rendered
	touched   []render.ServiceName
	changes   map[render.ServiceName]*change
}

// A change is what a pull request makes of one service.
type change struct {
	release   render.Release
	fault     string            // why it cannot be rendered
	outside   string            // why it must not be applied, though it can be rendered
	isNew     bool              // the branch's catalog does not name the service
	onlySteps bool              // the objects stay the same, and the steps of its releases change
	sameSteps bool              // they do not change
	leaves    bool              // the pull request takes it out of the catalog
	shared    []render.ObjectID // shared objects that it changes: its canary runs with the old ones

	// guarded is what keeps it from running unapproved beside this release.
	guarded     []string
	guardedWith render.Digest
}

// mergeKey names a merge: both commits never change.
type mergeKey struct{ branch, head gitsrc.SHA }

// mergePull merges a head that was fetched onto the branch's head, once.
func (l *Loop) mergePull(head gitsrc.SHA) mergedPull {
	key := mergeKey{l.head, head}
	if m, ok := l.proposals.merges[key]; ok {
		return m
	}
	m := l.readMerge(head)
	if m.unread == nil {
		l.proposals.merges[key] = m
	}
	return m
}

func (l *Loop) readMerge(head gitsrc.SHA) mergedPull {
	in := l.content.catalog(l, l.head)
	switch {
	case in.unread != nil:
		return mergedPull{unread: in.unread}
	case in.err != nil:
		return mergedPull{fault: "the catalog of " + l.Branch + " cannot be read", blind: true}
	}
	merge, err := l.Source.Merged(l.head, head)
	switch {
	case isUnread(err):
		return mergedPull{unread: err}
	case errors.Is(err, gitsrc.ErrUnrelated):
		return mergedPull{fault: "it has no history in common with " + l.Branch + ": rebase the branch of the pull request"}
	case err != nil:
		return mergedPull{fault: oneLine(err)}
	}
	touches := toucher(merge, in.tree)
	catalogTouched := touches(in.inputs)
	m := mergedPull{conflicts: merge.Conflicts, changes: map[render.ServiceName]*change{}}
	inputsTouched := map[render.ServiceName]bool{}
	for _, name := range in.catalog.Names() {
		at := l.content.release(l, name, l.head)
		if at.unread != nil {
			return mergedPull{unread: at.unread}
		}
		if inputsTouched[name] = touches(l.inputsOf(name)); catalogTouched || inputsTouched[name] {
			m.touched = append(m.touched, name)
		}
	}
	if len(m.conflicts) > 0 || len(m.touched) == 0 && !catalogTouched {
		return m
	}
	then := catalogAt{catalog: in.catalog, tree: merge.Tree()}
	if catalogTouched {
		then.catalog, err = render.ReadCatalog(merge.Tree(), l.CatalogPath)
		switch {
		case isUnread(err):
			m.unread = err
			return m
		case err != nil:
			m.fault = oneLine(err)
			return m
		}
		m.touched = entriesChanged(in.catalog, then.catalog, inputsTouched)
	}
	l.renderMerge(&m, in, then, merge.Head)
	return m
}

// entriesChanged are the services whose entry or inputs change.
func entriesChanged(before, after *render.Catalog, inputsTouched map[render.ServiceName]bool) []render.ServiceName {
	names := append(after.Names(), before.Names()...)
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name render.ServiceName) bool {
		was, had := before.Entries[name]
		is, has := after.Entries[name]
		return had && has && was.Equal(is) && !inputsTouched[name]
	})
}

// renderMerge renders the services that the merge may have changed and keeps
// those that it did change.
func (l *Loop) renderMerge(m *mergedPull, in, then catalogAt, head gitsrc.SHA) {
	for _, name := range m.touched {
		was, had := in.catalog.Entries[name]
		is, has := then.catalog.Entries[name]
		before := l.content.release(l, name, l.head)
		c := &change{isNew: !had, leaves: !has}
		if has {
			rendered, after := l.renderTree(then, name, head)
			if after.unread != nil {
				m.unread = after.unread
				return
			}
			if after.err != nil {
				c.fault = oneLine(after.err)
			} else if err := l.refuse(rendered.Pack()); err != nil {
				c.outside = oneLine(err)
			} else if err := l.compare(c, rendered.Pack(), before.release); err != nil {
				m.unread = err
				return
			}
			c.onlySteps = had && before.err == nil && after.err == nil && before.release.Digest == c.release.Digest
			c.sameSteps = had && was.RulesDigest() == is.RulesDigest()
			if c.onlySteps && c.sameSteps {
				continue
			}
		}
		m.changes[name] = c
	}
	m.touched = slices.Sorted(maps.Keys(m.changes))
}

// compare fills in what the merge makes of a service, and which shared objects
// that changes. Both are unpacked, so that the same number is the same value.
func (l *Loop) compare(c *change, after, before render.Packed) error {
	release, err := after.Release()
	if err != nil {
		return err
	}
	was, err := before.Release()
	if err != nil {
		return err
	}
	c.release, c.shared = release, changedShared(release, &was)
	c.release.Full = nil // never applied, and large
	return nil
}

// inputsOf are the inputs of a service at the branch's head. Where it cannot be
// rendered it may have more of them than were read, so those of what is promoted
// count, too.
func (l *Loop) inputsOf(name render.ServiceName) []string {
	at := l.content.release(l, name, l.head)
	record, _, _ := l.peek(name)
	if at.err == nil || record.Promoted == nil {
		return at.inputs
	}
	return slices.Concat(at.inputs, l.content.release(l, name, record.Promoted.Commit).inputs)
}

// toucher says whether a merge changes any of these inputs, files or listed
// folders. An input in conflict counts.
func toucher(merge *gitsrc.Merge, before fs.FS) func(inputs []string) bool {
	near := nearOf(slices.Concat(merge.Changed, merge.Conflicts), before, merge.Tree())
	return func(inputs []string) bool {
		var perhaps []string
		for _, p := range inputs {
			if near[path.Clean(p)] {
				perhaps = append(perhaps, p)
			}
		}
		if len(perhaps) == 0 {
			return false
		}
		was, errWas := inputsSum(before, perhaps)
		is, errIs := inputsSum(merge.Tree(), perhaps)
		return errWas != nil || errIs != nil || was != is
	}
}

// guard fills in what keeps a change from running unapproved beside what runs.
func (c *change) guard(running *render.Release) {
	if c.guardedWith != running.Digest {
		c.guarded, c.guardedWith = guard(c.release, running), running.Digest
	}
}
