package main

import (
	"strings"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// A tableStyle says what a list of services shows.
type tableStyle struct {
	withNamespace, wide, noHeader bool
	// stacked shows what wide shows below each service, for screens that are not.
	stacked bool
}

func (p *program) printTable(found []v1alpha1.Delivery, style tableStyle) error {
	s := p.screen()
	t := p.tableOfServices(found, style)
	if style.wide && s.width > 0 && t.width() > s.width {
		style.wide, style.stacked = false, true
		t = p.tableOfServices(found, style)
	}
	var b strings.Builder
	t.print(&b, s)
	return p.print(&b)
}

func (p *program) tableOfServices(found []v1alpha1.Delivery, style tableStyle) *table {
	t := &table{flexible: "REASON", noHeader: style.noHeader, whole: style.stacked, below: style.stacked}
	if style.withNamespace {
		t.columns = append(t.columns, "NAMESPACE")
	}
	t.columns = append(t.columns, "SERVICE", "FULL", "CANARY", "STEP", "READY")
	if style.wide {
		t.columns = append(t.columns, "PODS", "CANARY-PODS", "PULLS", "IMAGES", "CANARY-IMAGES")
	}
	t.columns = append(t.columns, "REASON", "AGE")
	for _, d := range found {
		var row []cell
		if style.withNamespace {
			row = append(row, cell{text: d.Namespace})
		}
		full, canary := liveOf(d.Status.Full), liveOf(d.Status.Canary)
		row = append(row, cell{text: d.Name}, shortCommit(full), shortCommit(canary),
			cell{text: orDash(d.Status.Step), colour: stepColour(d)}, readyCell(d))
		if style.wide {
			row = append(row, podsCell(full), podsCell(canary), pullNumbers(d), imagesCell(full), imagesCell(canary))
		}
		reason := reasonInList(d)
		if style.stacked {
			reason = stackedText(d)
		}
		row = append(row, cell{text: reason}, cell{text: age(p.now(), d.CreationTimestamp.Time)})
		t.add(row...)
	}
	return t
}

// stackedText is all of what a wide list says of a service, in lines.
func stackedText(d v1alpha1.Delivery) string {
	lines := append([]string{waitsOrReason(d)}, pullsOf(d)...)
	for _, v := range []struct {
		name string
		live v1alpha1.Live
	}{{"full", liveOf(d.Status.Full)}, {"canary", liveOf(d.Status.Canary)}} {
		line := v.name + ": " + podsCell(v.live).text + " Pods"
		if len(v.live.Images) > 0 {
			line += " of " + oneLine(strings.Join(v.live.Images, ", "))
		}
		if v.live.Pods != "" || len(v.live.Images) > 0 {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// waitsOrReason says on whom the service waits, and why.
func waitsOrReason(d v1alpha1.Delivery) string { return waitsAnd(d, oneLine(d.Status.Reason)) }

func waitsAnd(d v1alpha1.Delivery, reason string) string {
	if len(d.Status.Waits) == 0 {
		return orDash(reason)
	}
	waits := "waits for " + waitsFor(d)
	switch {
	case reason == "":
		return waits
	case strings.HasPrefix(reason, "waits for "):
		return reason // it says it already, with the pull request
	}
	return waits + ": " + reason
}

func waitsFor(d v1alpha1.Delivery) string { return oneLine(strings.Join(d.Status.Waits, ", ")) }

// liveOf is what a variant is like; without one, nothing.
func liveOf(l *v1alpha1.Live) v1alpha1.Live {
	if l == nil {
		return v1alpha1.Live{}
	}
	return *l
}

func shortCommit(l v1alpha1.Live) cell {
	c := cell{text: orDash(ofPull(oneLine(l.Short), l.Pull))}
	if l.Health == reconcile.Failed.String() {
		c.colour = red
	}
	return c
}

// podsCell is "3/9": the column says of what.
func podsCell(l v1alpha1.Live) cell {
	return cell{text: orDash(strings.TrimSuffix(oneLine(l.Pods), " Pods ready"))}
}

func imagesCell(l v1alpha1.Live) cell {
	return cell{text: orDash(oneLine(strings.Join(l.Images, ",")))}
}

func readyCell(d v1alpha1.Delivery) cell {
	ready := condition(d, v1alpha1.ConditionReady)
	switch ready {
	case "":
		return cell{text: "Unknown"}
	case "True":
		return cell{text: ready, colour: green}
	}
	return cell{text: ready}
}

// stepColour is green only where what runs is what the branch says.
func stepColour(d v1alpha1.Delivery) colour {
	switch {
	case condition(d, v1alpha1.ConditionStalled) == "True":
		return red
	case needsYou(d), d.Status.Step == string(reconcile.StepSuspended):
		return yellow
	case condition(d, v1alpha1.ConditionReady) == "True":
		return green
	}
	return cyan
}
