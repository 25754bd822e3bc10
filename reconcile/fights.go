package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"banksman.dev/render"
)

// What somebody changed is put back at once. Where each repair is undone, by a
// controller that wants something else, both would write without end: then the
// repairs of that object wait, longer each time.

const (
	fightWindow   = time.Minute
	mostRepairs   = 5 // of one object within the window; one more, and it is a fight
	firstTruce    = time.Second
	longestTruce  = time.Minute
	mostFighters  = 3 // are named
	fightIsOver   = 2 * longestTruce
	noFieldOwners = "nobody whom the object names"
)

// A Fight is about one object that somebody changes again after each repair.
type Fight struct {
	Object render.ObjectID
	By     []string // field managers, sorted; may be empty
}

// A fight is what is remembered of an object's repairs.
type fight struct {
	repairs []time.Time // of the window, oldest first
	truce   time.Duration
	until   time.Time // no repair before it
	by      []string
}

// repaired is the fight after one more repair.
func (f fight) repaired(at time.Time, by string) fight {
	f.repairs = slices.DeleteFunc(slices.Clone(f.repairs), func(t time.Time) bool { return at.Sub(t) >= fightWindow })
	f.repairs = append(f.repairs, at)
	if by != "" && !slices.Contains(f.by, by) && len(f.by) < mostFighters {
		f.by = append(slices.Clone(f.by), by)
		slices.Sort(f.by)
	}
	switch {
	case f.truce > 0:
		f.truce = min(2*f.truce, longestTruce)
	case len(f.repairs) > mostRepairs:
		f.truce = firstTruce
	}
	f.until = at.Add(f.truce)
	return f
}

func (f fight) isOn() bool { return f.truce > 0 }

// ends is when there is nothing left to remember, if nothing is repaired until then.
func (f fight) ends() time.Time {
	last := f.repairs[len(f.repairs)-1]
	if f.isOn() {
		return last.Add(fightIsOver)
	}
	return last.Add(fightWindow)
}

// noteRepairs remembers what was just put back, and says once that it is a fight.
func (l *Loop) noteRepairs(name render.ServiceName, applied Applied) {
	for _, id := range applied.Repaired {
		if l.fights[name] == nil {
			l.fights[name] = map[render.ObjectID]fight{}
		}
		was := l.fights[name][id]
		is := was.repaired(l.Now(), applied.Rivals[id])
		l.fights[name][id] = is
		if is.isOn() && !was.isOn() {
			l.Log.Warn("somebody changes an object again after each repair; its repairs wait", "service", name, "object", id.String(), "by", is.by)
		}
	}
}

// fightsOf are the fights about a service's objects, sorted. What is over is
// forgotten, and said once.
func (l *Loop) fightsOf(name render.ServiceName) []Fight {
	var on []Fight
	for id, f := range l.fights[name] {
		switch {
		case !l.Now().Before(f.ends()):
			delete(l.fights[name], id)
			if f.isOn() {
				l.Log.Info("nobody changes the object any more; it is repaired at once again", "service", name, "object", id.String())
			}
		case f.isOn():
			on = append(on, Fight{Object: id, By: f.by})
		}
	}
	slices.SortFunc(on, func(a, b Fight) int { return a.Object.Compare(b.Object) })
	return on
}

// resting are the objects whose repair waits.
func (l *Loop) resting(name render.ServiceName) map[render.ObjectID]bool {
	resting := map[render.ObjectID]bool{}
	for id, f := range l.fights[name] {
		if l.Now().Before(f.until) {
			resting[id] = true
		}
	}
	return resting
}

// wakeForFights looks at the service again when a repair has waited, and when a
// fight is over.
func (l *Loop) wakeForFights(name render.ServiceName) {
	for _, f := range l.fights[name] {
		switch now := l.Now(); {
		case now.Before(f.until):
			l.wake(name, f.until.Sub(now))
		case f.isOn():
			l.wake(name, max(f.ends().Sub(now), 0))
		}
	}
}

// viewFights says who undoes the repairs.
func (d *draft) viewFights(v *View) {
	for _, f := range d.o.Fights {
		by := noFieldOwners
		if len(f.By) > 0 {
			by = strings.Join(f.By, ", ")
		}
		v.Reason += fmt.Sprintf("; somebody changes %s again and again: %s; its repairs wait, up to %s", f.Object, by, shortDuration(longestTruce))
	}
}
