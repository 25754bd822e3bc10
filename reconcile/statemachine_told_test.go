package reconcile

import (
	"strings"

	"banksman.dev/render"
)

// An ear hears what the loop tells in one world, over all its processes.
type ear struct {
	ids map[string]bool
	// owed is how many transitions the records say that this process told, and it
	// has not yet.
	owed map[render.ServiceName]int
}

func newEar() ear { return ear{ids: map[string]bool{}, owed: map[render.ServiceName]int{}} }

// owe notes what a record that was saved says was told.
func (w *world) owe(was, r Record) {
	n := r.Told.Count - was.Told.Count
	if n < 0 {
		w.breaks("%s: the record forgets what was told", r.Service)
	}
	w.ear.owed[r.Service] += n
}

// hear: nothing is told twice, nor before the record that says so is saved, nor by
// a process that did not save it.
func (w *world) hear(t Transition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.count("told: " + string(t.Event))
	w.ear.owed[t.Service]--
	r := w.records[t.Service]
	switch {
	case w.dead:
		w.breaks("%s: a dead process tells %s", t.Service, t.ID)
	case w.ear.ids[t.ID]:
		w.breaks("%s: %s is told twice", t.Service, t.ID)
	case w.ear.owed[t.Service] < 0:
		w.breaks("%s: %s is told and the record does not say so", t.Service, t.ID)
	case t.Namespace != "shop" || t.Reason == "" || !t.At.Equal(w.now) || t.Step == "":
		w.breaks("%s: %s is told as %+v", t.Service, t.ID, t)
	}
	w.ear.ids[t.ID] = true
	if outcome, ends := endOf[t.Event]; ends && t.Ref.Pull == 0 {
		w.checkTold(r, t, outcome)
	}
}

// endOf are the events that the history has, too.
var endOf = map[Event][]Outcome{
	EventPromoted:   {OutcomePromoted},
	EventRolledBack: {OutcomeRolledBack, OutcomeReverted},
	EventHeld:       {OutcomeHeld, OutcomeAborted},
	EventWithdrawn:  {OutcomeWithdrawn},
	EventSuspended:  {OutcomeSuspended},
	EventResumed:    {OutcomeResumed},
}

func (w *world) checkTold(r Record, t Transition, outcomes []Outcome) {
	for _, p := range r.History {
		for _, o := range outcomes {
			if p.Outcome == o && p.At.Equal(t.At) && (p.Digest == t.Ref.Digest || p.Outcome == OutcomeReverted) {
				return
			}
		}
	}
	w.breaks("%s: %s is told and not in the history", t.Service, t.ID)
}

// checkHeard: a process that lives has told all that its records say was told.
func (w *world) checkHeard() {
	for name, n := range w.ear.owed {
		if n != 0 {
			w.breaks("%s: the record says that %d more was told", name, n)
		}
	}
}

// forgetTold: with a record goes what it knew. The next one counts anew, at another
// time, which does not pass by itself here.
func (w *world) forgetTold(name render.ServiceName) {
	delete(w.ear.owed, name)
	for id := range w.ear.ids {
		if strings.HasPrefix(id, "shop/"+string(name)+"/") {
			delete(w.ear.ids, id)
		}
	}
}

// deafen: what a process that died had still to tell, nobody hears.
func (w *world) deafen() { clear(w.ear.owed) }
