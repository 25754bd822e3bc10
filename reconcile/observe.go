package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// observe gathers everything that Decide needs to know of one service. The
// record is the one that is known from the pass just before, or loaded. With
// fresh, the forge is asked again without any cache.
func (l *Loop) observe(ctx context.Context, name render.ServiceName, known *Record, fresh bool) (Observed, error) {
	var record Record
	var orders Orders
	if known != nil {
		record = *known
		_, orders, _ = l.peek(name)
	} else if loaded, said, ok := l.Load(name); ok {
		record, orders = loaded, said
		l.tellLate(loaded)
	} else {
		record.Service = name
	}
	o := Observed{Now: l.Now(), Record: record, Orders: orders, Fights: l.fightsOf(name), Looked: l.looked[name]}
	delete(l.unread, name)
	w, unread := l.lookAtBranch(&o)
	if unread != nil && record.Namespace == "" {
		return o, unread // nothing is known of it
	}
	if unread != nil {
		return l.observeUnread(ctx, o, unread), nil
	}
	if record.Namespace == "" {
		o.Record.Namespace = l.namespaceOf(name)
	}
	if err := l.lookForLost(ctx, &o); err != nil {
		return o, err
	}
	l.lookForKept(ctx, o.Record)
	o.StartRules, o.Landed = l.startRules(name), l.proposals.landed[o.Head.Commit]
	o.WithoutCanary = l.withoutCanary(o)
	l.lookAtProposals(&o)
	l.lookAtCluster(ctx, &o)
	l.hearVerdicts(ctx, &o, w, fresh)
	return o, l.lookForEarlier(ctx, &o, w, fresh)
}

// lookAtHead says what the service is at the branch's head.
func (l *Loop) lookAtHead(o *Observed, w walked) error {
	name := o.Record.Service
	at := l.content.release(l, name, l.head)
	if at.unread != nil {
		return at.unread
	}
	touched := l.touched(name, w.points)
	i := newestChange(w.points, touched)
	h := Head{Branch: l.head, Problem: at.problem, HasCanary: at.release.HasCanary}
	h.Ref = Ref{Commit: w.points[i].commit, Digest: at.release.Digest}
	if i == 0 && w.base != "" && o.Record.runs(h.Digest) {
		h.Commit = o.Record.Promoted.Commit
	}
	if c, err := l.Source.Commit(h.Commit); err == nil { // else it is only a word that is missing
		h.IsMerge = len(c.Parents) > 1
	}
	if at.err != nil {
		h.Cause = oneLine(at.err)
	}
	// What runs already keeps its objects; the newcomer is refused.
	if err := l.content.admissible(l, name, l.head); err != nil && !o.Record.runs(h.Digest) {
		h.Problem, h.Cause = ProblemUnrenderable, oneLine(err)
	}
	if at.entry.Name != "" {
		h.Rules = rulesOf(at.entry, l.head)
	}
	if w.lost != "" && h.Problem == ProblemNone {
		h.Problem, h.Cause = ProblemRewritten, w.lost
	}
	o.Head = h
	o.Distance = len(w.points) - 1
	if i > 0 || w.base == "" { // else nothing changed since the base
		o.Changes = changesSince(w.points, o.Record.Observed, touched)
	}
	if w.lost == "" {
		return nil
	}
	var err error
	o.Changes, err = l.changesOfRewritten(name, o.Record.Observed)
	return err
}

// oneLine is an error that may be several as a sentence.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func rulesOf(e render.Entry, commit gitsrc.SHA) Rules {
	return Rules{Commit: commit, Pipeline: e.Pipeline, OnRemoval: e.OnRemoval, Digest: e.RulesDigest()}
}

// startRules govern a service that nothing governs yet: the trusted commit's
// entry, else the defaults.
func (l *Loop) startRules(name render.ServiceName) Rules {
	if l.Trust != "" {
		if at := l.content.release(l, name, l.Trust); at.entry.Name != "" {
			return rulesOf(at.entry, l.Trust)
		}
	}
	return rulesOf(render.DefaultEntry(name), "")
}

// namespaceOf is where the service's Delivery stands: beside its workload, if that
// is where the repository may have anything.
func (l *Loop) namespaceOf(name render.ServiceName) string {
	at := l.content.release(l, name, l.head)
	for _, namespace := range []string{at.release.Namespace, at.entry.Namespace, l.Namespace} {
		if namespace != "" && l.Covers(namespace) {
			return namespace
		}
	}
	if len(l.Namespaces) > 0 {
		return l.Namespaces[0] // it names none where a Delivery may stand
	}
	return l.Namespace
}

// withoutCanary looks at each release that a target may name.
func (l *Loop) withoutCanary(o Observed) []render.Digest {
	var without []render.Digest
	refs := []*Ref{&o.Head.Ref, o.Record.Rolling, o.Record.Promoted}
	if o.Earlier != nil {
		refs = append(refs, &o.Earlier.Ref)
	}
	for _, ref := range refs {
		if ref == nil || ref.Digest == "" {
			continue
		}
		if has, err := l.hasCanary(o.Record.Service, *ref); err == nil && !has {
			without = append(without, ref.Digest)
		}
	}
	return without
}

// hasCanary unpacks no objects of what can be rendered.
func (l *Loop) hasCanary(name render.ServiceName, ref Ref) (bool, error) {
	if at, err := l.rendered(name, ref); ref.Pull == 0 && err == nil {
		return at.release.HasCanary, nil
	}
	release, err := l.releaseOf(name, &ref)
	return err == nil && release.HasCanary, err
}

// lookAtCluster looks at what each variant was last brought to.
func (l *Loop) lookAtCluster(ctx context.Context, o *Observed) {
	full := o.Record.Rolling
	if full == nil {
		full = o.Record.Promoted
	}
	var canary *Ref
	if s := o.Record.Canary; s != nil {
		canary = &s.Ref
		_, err := l.releaseOf(o.Record.Service, canary)
		switch {
		case err == nil || s.Pull == 0 && o.Head.Problem != ProblemUnread:
		case o.Head.Problem == ProblemNone && s.Digest == o.Head.Digest:
			canary = &o.Head.Ref // merged: the same content
		default:
			// It goes, or nobody knows; that must not hide what full is like.
			o.Canary, canary = Live{Health: Missing, Message: oneLine(err)}, nil
		}
	}
	if _, lost := l.releaseOf(o.Record.Service, o.Record.Rolling); isGoneForGood(lost) && o.Head.Problem != ProblemUnread {
		o.RollingLost = oneLine(lost)
	}
	stable, beside, lost, err := l.sets(o.Record, full, canary)
	if full != nil {
		o.Full = l.liveOf(ctx, stable, errors.Join(lost, err))
	}
	if canary != nil {
		o.Canary = l.liveOf(ctx, beside, err)
	}
}

// isGoneForGood: no later try renders it, unlike what a failing disk gave.
func isGoneForGood(lost error) bool {
	return lost != nil && (!isUnread(lost) || errors.Is(lost, gitsrc.ErrUnknownCommit))
}

func (l *Loop) liveOf(ctx context.Context, s Set, err error) Live {
	if err == nil {
		if r, ok := l.refused[refusedKey{s.Service, s.Track}]; ok && r.digest == s.Ref.Digest {
			return Live{Digest: s.Ref.Digest, Health: Failed, Message: r.err.Error()}
		}
		var live Live
		if live, err = l.live(ctx, s); err == nil {
			live.Digest = s.Ref.Digest
			return live
		}
	}
	return Live{Health: Missing, Message: err.Error()}
}

// sets are the objects of both variants for these two releases. When full's
// release cannot be rendered, lost says why, there is no stable set, and the
// canary goes without the objects that it would share; so does that of an open
// pull request, always.
func (l *Loop) sets(r Record, full, canary *Ref) (stable, beside Set, lost, err error) {
	canaryRelease, err := l.releaseOf(r.Service, canary)
	if err != nil {
		return Set{}, Set{}, nil, err
	}
	fullRelease, lost := l.releaseOf(r.Service, full)
	proposed := canary != nil && canary.Pull != 0
	if canaryRelease != nil && (lost != nil || proposed) {
		alone := *canaryRelease
		alone.Shared = nil
		canaryRelease = &alone
	}
	stable = Set{Service: r.Service, Namespace: r.Namespace, Track: TrackStable, Known: r.Inventory, KeepDrift: l.keepsDrift(r.Service, full)}
	beside = Set{Service: r.Service, Namespace: r.Namespace, Track: TrackCanary, Known: r.Inventory, KeepDrift: canary != nil && r.runs(canary.Digest) && l.keepsDrift(r.Service, canary)}
	stable.Objects, beside.Objects, beside.Borrowed = place(fullRelease, canaryRelease)
	switch hasFull := r.Promoted != nil || r.Rolling != nil; {
	case canary == nil || r.isApproved(canary.Digest):
	case hasFull:
		beside.Unapproved = true
		beside.Objects = withoutFulls(beside.Objects, r.Inventory)
	default: // full may run something that the record has lost
		beside.Unapproved = !slices.ContainsFunc(r.Inventory, func(e Entry) bool { return e.Track == TrackStable })
	}
	if full != nil {
		stable.Ref = *full
	}
	if canary != nil {
		beside.Ref, beside.Proposed = *canary, proposed
	}
	return stable, beside, lost, nil
}

// keepsDrift: the release's entry says that what somebody changes is only shown.
func (l *Loop) keepsDrift(name render.ServiceName, ref *Ref) bool {
	if ref == nil || ref.Pull != 0 {
		return false
	}
	at, err := l.rendered(name, *ref)
	if back, ok := l.keeping.of(name, *ref); ok && err != nil {
		return back.drift == render.DriftWarn
	}
	return at.entry.Drift == render.DriftWarn
}

// releaseOf is the release that a Ref names: rendered, or what was kept of it.
func (l *Loop) releaseOf(name render.ServiceName, ref *Ref) (*render.Release, error) {
	if ref == nil {
		return nil, nil
	}
	if ref.Pull != 0 {
		return l.proposals.release(name, *ref)
	}
	at, err := l.rendered(name, *ref)
	if err == nil {
		return l.content.whole(at.release)
	}
	back, ok := l.keeping.of(name, *ref)
	switch {
	case !ok:
		return nil, err
	case back.err != nil:
		return nil, fmt.Errorf("%w; %w", err, back.err)
	}
	return &back.release, nil
}

// rendered renders what a Ref of the branch names. Bytes that no longer give its
// digest are an error: they are not what was approved.
func (l *Loop) rendered(name render.ServiceName, ref Ref) (releaseAt, error) {
	at := l.content.release(l, name, ref.Commit)
	if at.unread != nil {
		return at, at.unread
	}
	if at.err != nil {
		return at, fmt.Errorf("render %s at %s: %w", name, ref.Commit.Short(), at.err)
	}
	if at.release.Digest != ref.Digest {
		return at, fmt.Errorf("render %s at %s: the digest is %s and was %s; nothing is written",
			name, ref.Commit.Short(), at.release.Digest.Short(), ref.Digest.Short())
	}
	return at, nil
}

// nothingToApprove is what is said when nothing needs an approval.
func nothingToApprove(o *Observed, w walked, trust gitsrc.SHA) approvals.Verdict {
	v := approvals.Verdict{State: approvals.Approved, Commit: approvals.SHA(o.Head.Commit)}
	switch w.base {
	case trust:
		v.Reason = "trusted: everything up to " + trust.Short() + " counts as approved"
	case o.Orders.Acknowledge:
		v.Reason = "acknowledged by an operator up to " + w.base.Short()
	default:
		v.Reason = "this content was approved before"
	}
	return v
}
