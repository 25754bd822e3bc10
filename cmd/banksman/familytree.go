package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
)

// A familyTree shows a service's objects: both variants, below each what it
// holds in the cluster.
type familyTree struct {
	delivery v1alpha1.Delivery
	lineage  lineage
	now      time.Time
	// workloadsOnly leaves out what has no Pods.
	workloadsOnly bool
	folded        folding
}

// A folding is how much of what is healthy is left out.
type folding int

const (
	foldNothing   folding = iota
	foldPods              // of healthy Pods, show the number alone
	foldWorkloads         // of healthy workloads, show nothing below
)

func (f familyTree) print(b *strings.Builder, s screen) {
	t, troubles := f.table(false)
	if s.width > 0 && t.tooNarrow(s) {
		t, troubles = f.table(true)
	}
	t.print(b, s)
	troubles.print(b, s)
}

func (f familyTree) table(shortNames bool) (*table, *troubles) {
	t := &table{columns: []string{"OBJECT", "READY", "HEALTH", "AGE", "IMAGES"}, flexible: "IMAGES", oneRow: true}
	rows := treeRows{table: t, now: f.now, shortNames: shortNames, folded: f.folded, troubles: &troubles{}}
	d := f.delivery
	for _, v := range []struct {
		name  string
		track reconcile.Track
		live  v1alpha1.Live
	}{{"full", reconcile.TrackStable, liveOf(d.Status.Full)}, {"canary", reconcile.TrackCanary, liveOf(d.Status.Canary)}} {
		members := f.lineage.members(d.Status.Inventory, v.track)
		if f.workloadsOnly {
			members = workloads(members)
		}
		if len(members) == 0 && v.live.Commit == "" {
			continue
		}
		t.add(cell{text: v.name + " " + ofPull(short(v.live.Commit), v.live.Pull), colour: bold}, podsCell(v.live), healthCell(v.live), cell{text: sinceCell(f.now, v.live)}, cell{text: oneLine(v.live.Message)})
		rows.addAll("", nil, members)
	}
	return t, rows.troubles
}

func sinceCell(now time.Time, l v1alpha1.Live) string { return age(now, timeOf(l.Since)) }

// workloads are those with Pods, or that should have some.
func workloads(all []*member) []*member {
	var kept []*member
	for _, m := range all {
		if m.ready() != "-" || m.object == nil && (m.kind == "Deployment" || m.kind == "StatefulSet" || m.kind == "DaemonSet") {
			kept = append(kept, m)
		}
	}
	return kept
}

// treeRows turns members into rows, with lines from each to what it owns.
type treeRows struct {
	table      *table
	now        time.Time
	shortNames bool
	folded     folding
	troubles   *troubles
}

func (r treeRows) addAll(indent string, owner *member, all []*member) {
	if healthy := healthyPods(all); r.folded >= foldPods && len(healthy) > 1 {
		all = slices.DeleteFunc(slices.Clone(all), func(m *member) bool { return slices.Contains(healthy, m) })
		branch := "├ "
		if len(all) == 0 {
			branch = "└ "
		}
		r.table.add(cell{text: fmt.Sprintf("%s%s%d Pods", indent, branch, len(healthy))}, cell{text: "-"}, healthy[0].health(),
			cell{text: age(r.now, healthy[0].object.GetCreationTimestamp().Time)}, shortImages(v1alpha1.Live{Images: healthy[0].images()}))
	}
	for i, m := range all {
		branch, below := "├ ", "│ "
		if i == len(all)-1 {
			branch, below = "└ ", "  "
		}
		name := m.name
		if r.shortNames && owner != nil {
			name = m.shortName(owner)
		}
		since := "-"
		if m.object != nil {
			since = age(r.now, m.object.GetCreationTimestamp().Time)
		}
		images := shortImages(v1alpha1.Live{Images: m.images()})
		if m.unknown == "" && m.state.Health == reconcile.Missing {
			images.text = m.state.Message
		}
		r.troubles.add(m.trouble(), oneLine(m.kind+" "+m.name))
		r.table.add(cell{text: indent + branch + oneLine(m.kind+" "+name)}, cell{text: m.ready()}, m.health(), cell{text: since}, images)
		if r.folded == foldWorkloads && m.state.Health == reconcile.Healthy {
			continue
		}
		r.addAll(indent+below, m, m.children)
	}
}

func healthyPods(all []*member) []*member {
	var healthy []*member
	for _, m := range all {
		if m.kind == "Pod" && m.state.Health == reconcile.Healthy {
			healthy = append(healthy, m)
		}
	}
	return healthy
}

func (m *member) health() cell {
	if m.unknown != "" {
		return cell{text: "unknown", colour: yellow}
	}
	return healthCell(v1alpha1.Live{Health: m.state.Health.String()})
}

// trouble is why an object is not healthy, or why that is not known. Where it
// has Pods, they say it better; a Pod that is on its way says nothing.
func (m *member) trouble() string {
	switch {
	case m.unknown != "":
		return m.unknown
	case m.kind == "Pod" && m.state.Health != reconcile.Failed, m.state.Health == reconcile.Healthy, m.state.Health == reconcile.Missing, len(m.children) > 0:
		return ""
	}
	return m.state.Message
}

// tooNarrow: less than an image's name would be left of the flexible column.
func (t *table) tooNarrow(s screen) bool {
	widths := t.widths()
	fixed := sum(widths[:len(widths)-1]) + len(columnGap)*(len(widths)-1)
	return s.width-fixed < min(leastOfFlexible, ansi.StringWidth(t.flexible)+widths[len(widths)-1])
}

// troubles are why objects are not well, each once.
type troubles struct {
	what []string
	whom map[string][]string
}

func (t *troubles) add(what, whom string) {
	if what == "" {
		return
	}
	if t.whom == nil {
		t.whom = map[string][]string{}
	}
	if t.whom[what] == nil {
		t.what = append(t.what, what)
	}
	t.whom[what] = append(t.whom[what], whom)
}

func (t *troubles) print(b *strings.Builder, s screen) {
	for _, what := range t.what {
		whom := t.whom[what]
		text := whom[0]
		if more := len(whom) - 1; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		b.WriteByte('\n')
		printSentences(b, s, []string{oneLine(text + ": " + what)})
	}
}
