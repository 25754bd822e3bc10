package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) historyCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "history SERVICE",
		Short: "How a service's releases ended, and which of them can be gone back to",
		Long: `List how the releases of a service ended, the newest first: when, what became of
each, whose reviews approved it, and why. What operators ordered stands between them:
suspended, resumed, retried, acknowledged, by whom and why. NOW says what a release is
at present:

  runs      full runs it
  rolling   it is rolling out to full
  canary    the canary runs it
  held      it failed or was aborted, and is not tried again
  recent    a git revert to it rolls back at once, without canary and review

Below it stand the open pull requests that change the service. Only the service's
Delivery is read; it is found in any namespace, or in the one that -n names.

Exit codes: 0 the answer is printed, good or bad; 1 there is none; 2 wrong usage.`,
		Example: `  banksman history fop-gate
  banksman history fop-gate -n dora-apps
  banksman history fop-gate -o json | jq -r '.history[] | select(.now == "recent") | .commit'`,
		Args: arguments(1, 1, "the name of a SERVICE"),
	}
	cluster := newClusterFlags(cmd.Flags(), "to look in (default: any)")
	cmd.ValidArgsFunction = p.serviceNames(cluster)
	cmd.Flags().StringVarP(&output, "output", "o", "", "output `format`: json or yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf(cmd.Flags(), "output", "", "json", "yaml"); err != nil {
			return err
		}
		d, err := p.oneDelivery(cmd.Context(), cluster, args[0])
		if err != nil {
			return err
		}
		return p.printEndings(historyOf(d), output)
	}
	return cmd
}

// A serviceHistory is how the releases of one service ended.
type serviceHistory struct {
	Service   string   `json:"service"`
	Namespace string   `json:"namespace"`
	Pulls     []string `json:"pulls,omitempty"` // what is open still, in sentences
	History   []ending `json:"history"`         // newest first
}

// An ending is one release that came to an end, for good or not.
type ending struct {
	v1alpha1.Promotion `json:",inline"`
	// Now is what the release is at present: runs, rolling, canary, held, recent
	// or nothing.
	Now string `json:"now,omitempty"`
}

// historyOf puts together what a Delivery remembers. Each release's place of
// today stands at its newest ending only.
func historyOf(d v1alpha1.Delivery) serviceHistory {
	places := placesOf(d.Status.Record)
	h := serviceHistory{Service: d.Name, Namespace: d.Namespace, Pulls: pullsOf(d), History: []ending{}}
	seen := map[releaseName]bool{}
	for _, promotion := range d.Status.History {
		e, name := ending{Promotion: promotion}, nameOf(promotion.Commit, promotion.Digest)
		if isOrdered(promotion.Outcome) {
			h.History = append(h.History, e)
			continue
		}
		if !seen[name] {
			e.Now = places[name]
		}
		seen[name] = true
		h.History = append(h.History, e)
	}
	h.History = append(h.History, forgottenHolds(d, seen)...)
	slices.SortStableFunc(h.History, func(a, b ending) int { return timeOf(b.At).Compare(timeOf(a.At)) })
	return h
}

// A releaseName is a release's digest, else its commit.
type releaseName string

func nameOf(commit, digest string) releaseName {
	if digest != "" {
		return releaseName(digest)
	}
	return releaseName(commit)
}

// placesOf says where each release stands that has a place; the most telling
// place wins.
func placesOf(r v1alpha1.Record) map[releaseName]string {
	places := map[releaseName]string{}
	put := func(commit, digest, place string) {
		for _, name := range []releaseName{releaseName(commit), nameOf(commit, digest)} {
			if name != "" {
				places[name] = place
			}
		}
	}
	for _, ref := range r.Recent {
		put(ref.Commit, ref.Digest, "recent")
	}
	if r.CanarySlot != nil {
		put(r.CanarySlot.Commit, r.CanarySlot.Digest, "canary")
	}
	for _, hold := range r.Holds {
		put(hold.Commit, hold.Digest, "held")
	}
	if r.Promoted != nil {
		put(r.Promoted.Commit, r.Promoted.Digest, "runs")
	}
	if r.Rolling != nil {
		put(r.Rolling.Commit, r.Rolling.Digest, "rolling")
	}
	return places
}

// forgottenHolds are those that outlived their line of the history.
func forgottenHolds(d v1alpha1.Delivery, seen map[releaseName]bool) []ending {
	var holds []ending
	for _, hold := range d.Status.Holds {
		if seen[nameOf(hold.Commit, hold.Digest)] || seen[releaseName(hold.Commit)] {
			continue
		}
		holds = append(holds, ending{Now: "held", Promotion: v1alpha1.Promotion{
			Commit: hold.Commit, Digest: hold.Digest, Outcome: string(reconcile.OutcomeHeld), Reason: hold.Reason, At: hold.Since,
		}})
	}
	return holds
}

// isOrdered: it is no ending, but what an operator ordered.
func isOrdered(outcome string) bool {
	return slices.Contains([]reconcile.Outcome{
		reconcile.OutcomeSuspended, reconcile.OutcomeResumed, reconcile.OutcomeRetried, reconcile.OutcomeAcknowledged,
	}, reconcile.Outcome(outcome))
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

func (p *program) printEndings(h serviceHistory, output string) error {
	switch output {
	case "json":
		return p.printJSON(h)
	case "yaml":
		return p.printYAML(h)
	}
	var b strings.Builder
	s := p.screen()
	if len(h.History) == 0 {
		printPulls(&b, s, h.Pulls)
		return errors.Join(p.print(&b), p.note("no release of "+h.Service+" has ended yet: banksman why "+h.Service))
	}
	t := table{columns: []string{"WHEN", "COMMIT", "OUTCOME", "NOW", "BY", "REASON"}, flexible: "REASON", whole: true}
	for _, e := range h.History {
		t.add(cell{text: moment(e.At)}, cell{text: short(e.Commit)}, outcomeCell(e.Outcome), placeCell(e.Now),
			cell{text: orDash(oneLine(strings.Join(e.Approvers, ", ")))}, cell{text: orDash(oneLine(e.Reason))})
	}
	t.print(&b, s)
	printPulls(&b, s, h.Pulls)
	return p.print(&b)
}

// moment is a time that reads the same everywhere.
func moment(t *metav1.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.DateOnly + " 15:04Z")
}

func outcomeCell(outcome string) cell {
	c := cell{text: orDash(oneLine(outcome))}
	switch reconcile.Outcome(outcome) {
	case reconcile.OutcomePromoted:
		c.colour = green
	case reconcile.OutcomeHeld, reconcile.OutcomeAborted:
		c.colour = red
	default:
		c.colour = yellow
	}
	return c
}

func placeCell(place string) cell {
	c := cell{text: orDash(place)}
	switch place {
	case "runs":
		c.colour = bold
	case "held":
		c.colour = red
	case "rolling", "canary":
		c.colour = cyan
	}
	return c
}

func (p *program) printYAML(v any) error {
	content, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	_, err = p.streams.Out.Write(content)
	return err
}
