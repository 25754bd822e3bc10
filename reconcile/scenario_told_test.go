package reconcile_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/reconcile"
	"banksman.dev/render"
)

func (s *stage) hear(ts *testscript.TestScript, t reconcile.Transition) {
	ts.Logf("tells %s: %s", t.ID, t.Reason)
	if s.ids[t.ID] {
		s.t.Errorf("%s is told twice", t.ID)
	}
	s.ids[t.ID] = true
	s.heard = append(s.heard, t)
}

// told SERVICE WANT: what was told of a service since this was asked last, each as
// "event: reason", with " | " between. "-" is nothing.
func (s *stage) wasTold(ts *testscript.TestScript, args []string) error {
	var said []string
	s.heard = slices.DeleteFunc(s.heard, func(t reconcile.Transition) bool {
		mine := t.Service == render.ServiceName(args[0])
		if mine {
			said = append(said, fmt.Sprintf("%s: %s", t.Event, t.Reason))
		}
		return mine
	})
	text := strings.Join(said, " | ")
	ts.Logf("told: %s", text)
	if args[1] == "-" {
		args[1] = "$"
	}
	return match("^"+args[1], text)
}
