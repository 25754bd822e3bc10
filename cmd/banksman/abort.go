package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) abortCommand() *cobra.Command {
	var f orderFlags
	var commit string
	cmd := &cobra.Command{
		Use:   "abort SERVICE",
		Short: "Take back what is on its way: a canary, or a rollout to full",
		Long: `Take back the release that is on its way, wherever it has come to: its canary, its
wait for a review, or its rollout to full. Its content is held as if it had failed,
and what is promoted comes back on both variants. Where nothing is promoted yet, full
is left as it is.

The order is for the one commit that is on its way now, and is refused if that is not
what you see any more: a later push is not hit. Where the canary is an open pull
request's, that is what is aborted, unless full rolls out; its content is then held
after its merge, too. --commit says which of several is meant.

What has been promoted is gone back from with git revert: banksman rollback SERVICE.
To try the same content again: banksman retry SERVICE. Other content is not held.

It is written into the Delivery, with who says so and why: your account must be
allowed to patch deliveries.banksman.dev. Then it waits until banksman has taken note.

Exit codes: 0 it is taken back; 1 nothing is on its way, or it was promoted before the
order came, it could not be written, or banksman has not taken note within --timeout;
2 wrong usage.`,
		Example: `  banksman abort fop-gate --reason 'the error rate of the canary rises'
  banksman abort fop-gate --commit 2222222`,
		Args: arguments(1, 1, "the name of a SERVICE"),
	}
	f.register(p, cmd)
	cmd.ValidArgsFunction = p.serviceNames(f.cluster)
	cmd.Flags().StringVar(&commit, "commit", "", "the `commit` to abort: 4 to 40 digits (default: what is on its way)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if commit != "" && !isHash(commit) {
			return misused("banksman why "+args[0]+" prints it", "--commit %q is no commit: want a hash of 4 to 40 digits", commit)
		}
		return p.abort(cmd.Context(), f, args[0], commit)
	}
	return cmd
}

// isHash: it says which commit is meant.
func isHash(typed string) bool {
	return len(typed) >= leastDigits && len(typed) <= 40 && strings.Trim(typed, "0123456789abcdef") == ""
}

func (p *program) abort(ctx context.Context, f orderFlags, name, commit string) error {
	found, err := p.addressed(ctx, f, []string{name})
	if err != nil {
		return err
	}
	aimed, err := aimOf(found[0], commit)
	if err != nil {
		return err
	}
	err = p.give(ctx, f, found, func(d v1alpha1.Delivery, by person) (order, error) {
		now, err := aimOf(d, aimed.commit)
		if err != nil {
			return order{}, err
		}
		o := order{
			spec: map[string]any{
				"abort": now.commit, "abortBy": orNull(string(by)), "abortReason": orNull(f.reason),
			},
			says: "is aborted: " + now.says + after(d),
		}
		if s := suspension(d, p.now()); s != nil {
			o.says += "; but only after " + inNamespace("resume", d) + ": it is " + suspendedWords(s)
		}
		return o, nil
	})
	if err != nil || !f.wait {
		return err
	}
	return p.tookBack(ctx, f, found[0], aimed.commit)
}

// An abortable is what is on its way of a service.
type abortable struct {
	commit string
	says   string
}

// onTheWay is what could be aborted, the most pressing first.
func onTheWay(d v1alpha1.Delivery) []abortable {
	var on []abortable
	held, runs := map[string]bool{}, ""
	for _, h := range d.Status.Holds {
		held[h.Digest] = true
	}
	if p := d.Status.Promoted; p != nil {
		runs = p.Digest
	}
	add := func(ref v1alpha1.Ref, says string) {
		if ref.Commit != "" && ref.Digest != runs && !held[ref.Digest] {
			on = append(on, abortable{ref.Commit, says})
		}
	}
	if r := d.Status.Rolling; r != nil {
		add(*r, "the rollout of "+short(r.Commit)+" to full")
	}
	if s := d.Status.CanarySlot; s != nil {
		says := "the canary of " + short(s.Commit)
		if s.Pull != 0 {
			says = fmt.Sprintf("the canary of #%d (%s)", s.Pull, short(s.Commit))
		}
		add(s.Ref, says)
	}
	if h := d.Status.Head; h != nil {
		add(*h, "the release of "+short(h.Commit))
	}
	return on
}

// aimOf is what an abort is about: the commit that was named, or what is on its
// way.
func aimOf(d v1alpha1.Delivery, commit string) (abortable, error) {
	on := onTheWay(d)
	for _, a := range on {
		if strings.HasPrefix(a.commit, commit) {
			return a, nil
		}
	}
	try := inNamespace("why", d) + " says where it stands"
	switch p := d.Status.Promoted; {
	case len(on) > 0:
		return abortable{}, failed(fmt.Errorf("%s of %s is not on its way", short(commit), nameOfService(d)), "what is: "+on[0].says)
	case p != nil && (commit == "" || strings.HasPrefix(p.Commit, commit)):
		try = "full runs " + short(p.Commit) + "; to go back from it: " + inNamespace("rollback", d) + "\n" + try
	}
	return abortable{}, failed(fmt.Errorf("nothing of %s is on its way: %s", nameOfService(d), nowWords(d)), try)
}

// after is what comes back.
func after(d v1alpha1.Delivery) string {
	switch p := d.Status.Promoted; {
	case p != nil:
		return "; " + short(p.Commit) + " comes back"
	case d.Status.Rolling != nil:
		return "; nothing is promoted yet, so full is left half rolled out"
	}
	return "; nothing is promoted yet, so the canary is removed"
}

// tookBack fails if banksman took note and there was nothing to take back any
// more.
func (p *program) tookBack(ctx context.Context, f orderFlags, given v1alpha1.Delivery, commit string) error {
	now, err := p.newest(ctx, f, []v1alpha1.Delivery{given})
	if err != nil {
		return err
	}
	d := now[nameOfService(given)]
	isIt := func(h v1alpha1.Hold) bool { return h.Commit == commit }
	if slices.ContainsFunc(d.Status.Holds, isIt) || suspension(d, p.now()) != nil {
		return nil
	}
	try := inNamespace("why", d) + " says where it stands"
	if d.Status.Promoted != nil && d.Status.Promoted.Commit == commit {
		try = "full runs it; to go back from it: " + inNamespace("rollback", d)
	}
	return failed(fmt.Errorf("%s of %s was not on its way any more: nothing was taken back", short(commit), nameOfService(d)), try)
}
