package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) suspendCommand() *cobra.Command {
	var f orderFlags
	var span time.Duration
	var clock string
	cmd := &cobra.Command{
		Use:   "suspend {SERVICE… | --all}",
		Short: "Write nothing for a service until it is resumed",
		Long: `Stop every write for services: no canary, no rollout, no rollback, no repair of
what somebody changes. What runs goes on running; a rollout that is on its way is
paused, half rolled out. With --for or --until it ends by itself, else with banksman
resume. A SERVICE that is suspended already gets the new words and the new end; with
--all, one that stays suspended at least as long keeps its own.

It is written into the Delivery, with who says so: your account must be allowed to
patch deliveries.banksman.dev. Then it waits until banksman has taken note: what
banksman was writing at that moment is written then, and nothing after it.

Exit codes: 0 it is suspended; 1 it could not be written, or banksman has not taken
note within --timeout; 2 wrong usage.`,
		Example: `  banksman suspend fop-gate --reason 'incident 4711'
  banksman suspend fop-gate ledger -n dora-apps --for 2h --reason 'month end'
  banksman suspend --all -n dora-apps --until 18:30 --reason 'the cluster is upgraded'
  banksman suspend fop-gate --until 2026-12-01T06:00:00Z`,
	}
	f.register(p, cmd)
	f.registerAll(cmd, "suspend all services")
	cmd.Flags().DurationVar(&span, "for", 0, "end it after this `time`: 90m, 48h")
	cmd.Flags().StringVar(&clock, "until", "", "end it at this `moment`: 15:04 (the next time that it is), or 2006-01-02T15:04:05Z")
	cmd.Args = f.oneOrAll
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if cmd.Flags().Changed("for") && span <= 0 {
			return misused("write it as --for 90m", "--for %s: want more than nothing", span)
		}
		until, err := endOf(p.now(), span, clock)
		if err != nil {
			return err
		}
		return p.suspend(cmd.Context(), f, args, until)
	}
	return cmd
}

// endOf reads --for and --until; nil is no end.
func endOf(now time.Time, span time.Duration, clock string) (*metav1.Time, error) {
	switch {
	case span != 0 && clock != "":
		return nil, misused("", "--for and --until cannot stand together")
	case span != 0:
		return second(now.Add(span)), nil
	case clock == "":
		return nil, nil
	}
	if t, err := time.Parse(time.RFC3339, clock); err == nil {
		if !t.After(now) {
			return nil, misused("", "--until %s has passed: it is %s", clock, now.UTC().Format(time.RFC3339))
		}
		return second(t), nil
	}
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return nil, misused("write it as --until 15:04, or --until 2006-01-02T15:04:05Z", "--until %q is no moment", clock)
	}
	end := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), 0, 0, now.Location())
	if !end.After(now) {
		end = time.Date(now.Year(), now.Month(), now.Day()+1, t.Hour(), t.Minute(), 0, 0, now.Location())
	}
	return second(end), nil
}

// second is a time as a Delivery can hold it.
func second(t time.Time) *metav1.Time {
	cut := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &cut
}

func (p *program) suspend(ctx context.Context, f orderFlags, names []string, until *metav1.Time) error {
	found, err := p.addressed(ctx, f, names)
	if err != nil {
		return err
	}
	return p.give(ctx, f, found, func(d v1alpha1.Delivery, by person) (order, error) {
		before := suspension(d, p.now())
		if f.all && before != nil && lastsAsLong(before, until) {
			return order{says: "keeps its own order: " + suspendedWords(before)}, nil
		}
		suspend := map[string]any{"reason": orNull(f.reason), "by": orNull(string(by)), "until": nil}
		end := ""
		if until != nil {
			suspend["until"] = until.Format(time.RFC3339)
			end = " until " + moment(until)
		}
		says := "is suspended" + end + ": nothing is written for it, and what somebody changes is not put back"
		if r := d.Status.Rolling; r != nil {
			says += fmt.Sprintf("; the rollout of %s is paused, half rolled out", short(r.Commit))
		}
		if before != nil {
			says += " (before: " + suspendedWords(before) + ")"
		}
		return order{
			spec:        map[string]any{"suspend": suspend},
			annotations: map[string]any{v1alpha1.AnnotationResumedBy: nil, v1alpha1.AnnotationResumeReason: nil},
			says:        says,
		}, nil
	})
}

// suspension is the order to write nothing that holds now; nil where none does.
func suspension(d v1alpha1.Delivery, now time.Time) *v1alpha1.Suspend {
	s := d.Spec.Suspend
	if s == nil || s.Until != nil && !now.Before(s.Until.Time) {
		return nil
	}
	return s
}

func lastsAsLong(s *v1alpha1.Suspend, until *metav1.Time) bool {
	return s.Until == nil || until != nil && !s.Until.Before(until)
}

// suspendedWords is an order as banksman says it, too.
func suspendedWords(s *v1alpha1.Suspend) string {
	words := "suspended" + byWords(s.By)
	if s.Until != nil {
		words += " until " + moment(s.Until)
	}
	return words + becauseWords(s.Reason)
}

// byWords and becauseWords say who and why, where it is known.
func byWords(by string) string {
	if by = oneLine(by); by != "" {
		return " by " + by
	}
	return ""
}

func becauseWords(reason string) string {
	if reason = oneLine(reason); reason != "" {
		return ": " + reason
	}
	return ""
}
