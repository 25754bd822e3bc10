package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

func (p *program) whyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why SERVICE",
		Short: "Why a service stands where it stands, and what goes on from there",
		Long: `Say at which step a service is and why, on whom it waits, the command or act
that goes on from there, what happens then, where the open pull requests stand
that change it, and what the statuses of its commit say. Only its Delivery is
read; it is found in any namespace, or in the one that -n names.

Exit codes: 0 the answer is printed, good or bad; 1 there is none; 2 wrong usage.`,
		Example: `  banksman why fop-gate
  banksman why fop-gate -n dora-apps`,
		Args: arguments(1, 1, "the name of a SERVICE"),
	}
	cluster := newClusterFlags(cmd.Flags(), "to look in (default: any)")
	cmd.ValidArgsFunction = p.serviceNames(cluster)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		d, err := p.oneDelivery(cmd.Context(), cluster, args[0])
		if err != nil {
			return err
		}
		return p.printWhy(d)
	}
	return cmd
}

func (p *program) printWhy(d v1alpha1.Delivery) error {
	var b strings.Builder
	s := p.screen()
	f := facts{out: &b, screen: s}
	f.add("Service", cell{text: d.Name + " in namespace " + d.Namespace, colour: bold})
	f.add("Step", cell{text: orDash(d.Status.Step), colour: stepColour(d)})
	f.add("Because", cell{text: oneLine(d.Status.Reason)})
	f.add("Waits for", cell{text: waitsFor(d), colour: yellow})
	f.addCommand("Next", nextOf(d))
	f.add("Then", cell{text: thenOf(d)})
	standingFacts(&f, d, p.now())
	f.print()

	printPulls(&b, s, pullsOf(d))
	for _, r := range reportsOf(d) {
		b.WriteByte('\n')
		t := tableOf(r)
		t.print(&b, s)
	}
	return p.print(&b)
}

// tableOf shows the statuses of one commit.
func tableOf(r v1alpha1.Report) *table {
	t := &table{columns: []string{"COMMIT " + short(r.Commit), "STATUS", "SAYS"}, flexible: "SAYS", whole: true}
	for _, stage := range []struct {
		name   reconcile.Stage
		report *v1alpha1.StageReport
	}{{reconcile.StageCanary, r.Canary}, {reconcile.StageApproval, r.Approval}, {reconcile.StageFull, r.Full}} {
		if stage.report != nil {
			t.add(cell{text: string(stage.name)}, stateCell(stage.report.State), cell{text: orDash(oneLine(stage.report.Description))})
		}
	}
	return t
}

// reportsOf are what the statuses say of the service at the branch's head, and
// at the pull request's that has the canary.
func reportsOf(d v1alpha1.Delivery) []v1alpha1.Report {
	var shown []v1alpha1.Report
	for _, r := range d.Status.Reports {
		canary := liveOf(d.Status.Canary)
		if d.Status.Head != nil && r.Commit == d.Status.Head.Commit || canary.Pull != 0 && r.Commit == canary.Commit {
			shown = append(shown, r)
		}
	}
	return shown
}

func stateCell(state string) cell {
	c := cell{text: orDash(state)}
	switch state {
	case "success":
		c.colour = green
	case "pending":
		c.colour = yellow
	case "failure", "error":
		c.colour = red
	}
	return c
}

// nextOf is what goes on from here: as banksman run wrote it, or the order
// that a person may take back or give.
func nextOf(d v1alpha1.Delivery) string {
	switch {
	case d.Status.Next != "":
		return strings.TrimSpace(printable(d.Status.Next))
	case d.Status.Step == string(reconcile.StepSuspended):
		return inNamespace("resume", d)
	case len(d.Status.Withheld) > 0:
		return "put them back, or answer for it:\n" + withheldCommand(d)
	}
	return ""
}

// thenOf is what happens after that.
func thenOf(d v1alpha1.Delivery) string {
	head, full := "the branch's head", "what it runs"
	if d.Status.Head != nil {
		head = short(d.Status.Head.Commit)
	}
	if d.Status.Full != nil && d.Status.Full.Short != "" {
		full = d.Status.Full.Short
	}
	switch reconcile.Step(d.Status.Step) {
	case reconcile.StepUpToDate:
		if pull := liveOf(d.Status.Canary).Pull; pull != 0 {
			return fmt.Sprintf("when the canary of #%d has passed and it is approved and merged, full follows; it keeps %s until then", pull, full)
		}
		return "the next commit that changes it goes to its canary first"
	case reconcile.StepCanary, reconcile.StepBake:
		return fmt.Sprintf("when the canary's steps have passed, full follows to %s if a review approves it; full keeps %s until then", head, full)
	case reconcile.StepApproval:
		return fmt.Sprintf("full follows to %s at once, as long as the canary is healthy; it keeps %s until then", head, full)
	case reconcile.StepFull:
		return "when full is healthy the release is promoted; git revert takes it back, also before"
	case reconcile.StepRollback:
		return "when full is healthy it is up to date; the release that was taken back needs a new canary and a new approval"
	case reconcile.StepHeld:
		return fmt.Sprintf("a commit with other content starts with its canary; full keeps %s until then", full)
	case reconcile.StepUnreadable, reconcile.StepRewritten:
		return fmt.Sprintf("%s stays as it is, drift repaired, until the branch can be followed again", full)
	case reconcile.StepSuspended:
		return "banksman goes on from what the branch says then; nothing is written before"
	case reconcile.StepGone, reconcile.StepNotReleased:
	}
	return ""
}
