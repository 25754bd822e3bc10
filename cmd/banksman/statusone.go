package main

import (
	"fmt"
	"strings"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// printOne is the block of one service.
func (p *program) printOne(d v1alpha1.Delivery) error {
	var b strings.Builder
	s := p.screen()
	f := facts{out: &b, screen: s}
	f.add("Service", cell{text: d.Name + " in namespace " + d.Namespace, colour: bold})
	f.add("Step", cell{text: orDash(d.Status.Step), colour: stepColour(d)})
	f.add("Reason", cell{text: oneLine(d.Status.Reason)})
	f.add("Waits for", cell{text: waitsFor(d), colour: yellow})
	f.addCommand("Next", nextOf(d))
	f.add("Pulls", cell{text: strings.Join(pullsOf(d), "\n")})
	standingFacts(&f, d, p.now())
	f.print()

	b.WriteByte('\n')
	full, canary := liveOf(d.Status.Full), liveOf(d.Status.Canary)
	t := table{columns: []string{"VARIANT", "COMMIT", "PODS", "HEALTH", "IMAGES"}, flexible: "IMAGES"}
	for _, v := range []struct {
		name string
		live v1alpha1.Live
	}{{"full", full}, {"canary", canary}} {
		t.add(cell{text: v.name}, shortCommit(v.live), podsCell(v.live), healthCell(v.live), shortImages(v.live))
	}
	t.print(&b, s)
	for _, l := range []v1alpha1.Live{full, canary} {
		if l.Message != "" && l.Health != reconcile.Healthy.String() {
			fmt.Fprintln(&b, "  "+cutTo(s, oneLine(l.Short+": "+l.Message), 2))
		}
	}
	printHistory(&b, d, s)
	return p.print(&b)
}

// shortImages leaves out registries and all but the start of image digests:
// what differs between two variants is the tag.
func shortImages(l v1alpha1.Live) cell {
	short := make([]string, len(l.Images))
	for i, image := range l.Images {
		image = image[strings.LastIndexByte(image, '/')+1:]
		if name, digest, ok := strings.Cut(image, "@sha256:"); ok && len(digest) > 7 {
			image = name + "@sha256:" + digest[:7]
		}
		short[i] = image
	}
	return cell{text: orDash(oneLine(strings.Join(short, ", "))), keepEnds: true}
}

func healthCell(l v1alpha1.Live) cell {
	c := cell{text: orDash(l.Health)}
	switch l.Health {
	case reconcile.Healthy.String():
		c.colour = green
	case reconcile.Failed.String():
		c.colour = red
	case reconcile.Progressing.String():
		c.colour = cyan
	}
	return c
}

// shownHistory is how many of the last endings status shows.
const shownHistory = 3

func printHistory(b *strings.Builder, d v1alpha1.Delivery, s screen) {
	if len(d.Status.History) == 0 {
		return
	}
	b.WriteByte('\n')
	t := table{columns: []string{"HISTORY", "COMMIT", "OUTCOME", "BY", "REASON"}, flexible: "REASON"}
	for _, h := range d.Status.History[:min(shownHistory, len(d.Status.History))] {
		t.add(cell{text: moment(h.At)}, cell{text: short(h.Commit)}, cell{text: oneLine(h.Outcome)},
			cell{text: orDash(oneLine(strings.Join(h.Approvers, ", ")))}, cell{text: orDash(oneLine(h.Reason))})
	}
	t.print(b, s)
}
