package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"banksman.dev/reconcile/api/v1alpha1"
)

// redrawPause is the least time between two pictures.
const redrawPause = 200 * time.Millisecond

// ageStep is how often a terminal's picture is drawn anew for its ages alone.
const ageStep = time.Second

// statusWatched shows the status and each change of it, until the goal holds,
// the time is over, or an interrupt.
func (p *program) statusWatched(ctx context.Context, f statusFlags, args []string) error {
	until, err := f.goal(args)
	if err != nil {
		return err
	}
	namespace := ""
	var one *v1alpha1.Delivery
	switch {
	case len(args) == 1:
		d, err := p.oneDelivery(ctx, f.cluster, args[0])
		if err != nil {
			return err
		}
		one = &d
	case !f.all:
		if namespace, err = f.cluster.namespace(); err != nil {
			return err
		}
	}
	c, err := p.clients(f.cluster)
	if err != nil {
		return err
	}
	l, err := lookoutOver(c, one, namespace)
	if err != nil {
		return explainCluster(c.host, err)
	}
	var over <-chan time.Time
	if f.timeout > 0 {
		timer := time.NewTimer(f.timeout)
		defer timer.Stop()
		over = timer.C
	}
	stop, err := l.start(ctx)
	if err != nil {
		return interruptedOr(ctx, explainCluster(c.host, err))
	}
	defer stop()
	w := &watcher{program: p, lookout: l, until: until, all: f.all, over: over, timeout: f.timeout}
	return interruptedOr(ctx, w.run(ctx))
}

// interruptedOr: an interrupt is how a person ends a watch.
func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// goal checks the flags of a watch.
func (f statusFlags) goal(args []string) (goal, error) {
	switch {
	case f.output != "":
		return goal{}, misused("banksman get deliveries -o "+f.output, "--watch and --for print no --output %s", f.output)
	case f.until != "" && len(args) == 0:
		return goal{}, misused("banksman status SERVICE --for="+f.until, "--for needs a SERVICE")
	}
	return goalOf(f.until, f.commit)
}

// A watcher shows what a lookout sees: as a picture drawn anew on a terminal,
// else a line for each change.
type watcher struct {
	*program
	lookout *lookout
	until   goal
	all     bool
	over    <-chan time.Time
	timeout time.Duration

	lines   int               // of the picture that is on the terminal
	printed map[string]string // the last line of each service
}

func (w *watcher) run(ctx context.Context) error {
	var ages <-chan time.Time
	if w.screen().redraws() {
		ticker := time.NewTicker(ageStep)
		defer ticker.Stop()
		ages = ticker.C
	}
	for {
		found, err := w.lookout.deliveries()
		if err != nil {
			return err
		}
		if err := w.show(found); err != nil {
			return err
		}
		if w.until.look != nil && len(found) > 0 {
			if a := w.until.look(found[0]); a.reached || a.lost != "" {
				return w.ended(found[0], a)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.over:
			return w.timedOut(found)
		case <-ages:
		case <-w.lookout.changed:
			if err := w.pause(ctx, redrawPause); err != nil {
				return err
			}
		}
	}
}

// ended: there is nothing more to wait for.
func (w *watcher) ended(d v1alpha1.Delivery, a arrival) error {
	if a.reached {
		return nil
	}
	return failed(fmt.Errorf("%s cannot become %s any more: %s", w.lookout.service, w.until.name, a.lost), inNamespace("why", d))
}

// timedOut is a failure where something was waited for.
func (w *watcher) timedOut(found []v1alpha1.Delivery) error {
	if w.until.look == nil {
		return nil
	}
	last := w.lookout.service + " is not there any more"
	if len(found) > 0 {
		last = stateLine(found[0])
	}
	return &failure{
		err:  fmt.Errorf("%s: not %s within %s; the last state was:\n%s", w.lookout.service, w.until.name, w.timeout, last),
		code: exitLate, try: "banksman why " + w.lookout.service,
	}
}

func (w *watcher) show(found []v1alpha1.Delivery) error {
	s := w.screen()
	if !s.redraws() {
		return w.log(found)
	}
	var b strings.Builder
	if lost := w.lookout.lastTrouble(); lost != nil {
		fmt.Fprintln(&b, s.paint.in(yellow, cutTo(s, "the API server does not answer; this is the last known state: "+oneLine(cause(lost).Error()), 0)))
	}
	if w.lookout.service == "" {
		t := w.tableOfServices(found, tableStyle{withNamespace: w.all})
		t.print(&b, s)
	} else {
		b.WriteString(w.picture(s, found, s.height-strings.Count(b.String(), "\n")))
	}
	text := fitting(b.String(), s)
	erase := ""
	if w.lines > 0 {
		erase = fmt.Sprintf("\x1b[%dA\r\x1b[J", w.lines)
	}
	w.lines = strings.Count(text, "\n")
	var picture strings.Builder
	picture.WriteString(erase + text)
	return w.print(&picture)
}

// picture is one service with its workloads down to the Pods. Where the terminal
// is too low for that, what is healthy gives way to what is not.
func (w *watcher) picture(s screen, found []v1alpha1.Delivery, height int) string {
	if len(found) == 0 {
		return w.lookout.service + " has no Delivery any more\n"
	}
	d := found[0]
	pulls, picture := strings.Join(pullsOf(d), "\n"), ""
	for _, folded := range []folding{foldNothing, foldPods, foldWorkloads} {
		if folded == foldWorkloads && len(d.Status.Pulls) > 0 {
			pulls = firstPull(d, s.roomFor(len("Waits for")+len(columnGap)))
		}
		if picture = w.drawn(s, d, pulls, folded); strings.Count(picture, "\n") < height {
			break
		}
	}
	return picture
}

func (w *watcher) drawn(s screen, d v1alpha1.Delivery, pulls string, folded folding) string {
	var b strings.Builder
	f := facts{out: &b, screen: s}
	f.add("Service", cell{text: d.Name + " in namespace " + d.Namespace, colour: bold})
	f.add("Step", cell{text: orDash(d.Status.Step), colour: stepColour(d)})
	f.add("Reason", cell{text: oneLine(d.Status.Reason)})
	f.add("Waits for", cell{text: waitsFor(d), colour: yellow})
	f.add("Next", cell{text: nextOf(d)})
	f.add("Pulls", cell{text: pulls})
	f.print()
	b.WriteByte('\n')
	tree := familyTree{delivery: d, lineage: w.lookout.lineage(), now: w.now(), workloadsOnly: true, folded: folded}
	tree.print(&b, s)
	return b.String()
}

// fitting leaves out what a terminal would scroll away or break into two lines:
// it could not be drawn anew.
func fitting(text string, s screen) string {
	lines := strings.SplitAfter(text, "\n")
	if more := len(lines) - 1 - (s.height - 2); s.height > 2 && len(lines) > s.height {
		lines = append(lines[:s.height-2], fmt.Sprintf("… %d more lines\n", more))
	}
	for i, line := range lines {
		if bare := strings.TrimSuffix(line, "\n"); s.width > 0 && ansi.StringWidth(bare) > s.width {
			lines[i] = cut(bare, s.width) + "\n"
		}
	}
	return strings.Join(lines, "")
}

// log prints the services that changed.
func (w *watcher) log(found []v1alpha1.Delivery) error {
	var b strings.Builder
	now := map[string]string{}
	for _, d := range found {
		name := d.Namespace + "/" + d.Name
		now[name] = stateLine(d)
		if now[name] != w.printed[name] {
			fmt.Fprintln(&b, w.now().UTC().Format(time.RFC3339)+"   "+now[name])
		}
	}
	for name := range w.printed {
		if now[name] == "" {
			fmt.Fprintln(&b, w.now().UTC().Format(time.RFC3339)+"   "+name+"   gone")
		}
	}
	w.printed = now
	return w.print(&b)
}
