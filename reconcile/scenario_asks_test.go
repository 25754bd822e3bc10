package reconcile_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"banksman.dev/render"
)

// runs OBJECT IMAGE: IMAGE "-" says that the object does not exist.
func (s *stage) runs(_ *testscript.TestScript, args []string) error {
	if got := s.cluster.image(args[0]); got != args[1] {
		return fmt.Errorf("%s runs %s, want %s", args[0], got, args[1])
	}
	return nil
}

// shows SERVICE WANT: a pattern for what the Delivery says of pull requests.
func (s *stage) shows(ts *testscript.TestScript, args []string) error {
	text := strings.Join(s.cluster.view(render.ServiceName(args[0])).Pulls, " | ")
	ts.Logf("shows: %s", text)
	return match(args[1], text)
}

func (s *stage) why(ts *testscript.TestScript, args []string) error {
	v := s.cluster.view("web")
	text := fmt.Sprintf("%s: %s; waits for %s; %s", v.Step, v.Reason, strings.Join(v.Waits, ", "), v.Next)
	ts.Logf("why: %s", text)
	return match(args[0], text)
}

// status REV CONTEXT WANT: WANT is a pattern for "state: description".
func (s *stage) status(ts *testscript.TestScript, args []string) error {
	sha, err := s.rev(args[0])
	if err != nil {
		return err
	}
	combined, err := s.alice.CombinedStatus(s.ctx, manifests, sha)
	if err != nil {
		return err
	}
	for _, st := range combined.Statuses {
		if st.Context == args[1] {
			description := ""
			if st.Description != nil {
				description = *st.Description
			}
			return match(args[2], st.State+": "+description)
		}
	}
	if args[2] == "-" {
		return nil
	}
	return fmt.Errorf("%s has no status %s", args[0], args[1])
}

// applied N: so many objects were sent since it was last asked.
func (s *stage) applied(_ *testscript.TestScript, args []string) error {
	got := fmt.Sprint(s.cluster.sent)
	s.cluster.sent = 0
	if got != args[0] {
		return fmt.Errorf("%s objects were sent, want %s", got, args[0])
	}
	return nil
}

// kept WRITES READS: so often what is promoted was kept, and read back, since it
// was last asked.
func (s *stage) isKept(_ *testscript.TestScript, args []string) error {
	writes, reads := fmt.Sprint(s.cluster.keeps), fmt.Sprint(s.cluster.keptReads)
	s.cluster.keeps, s.cluster.keptReads = 0, 0
	if writes != args[0] || reads != args[1] {
		return fmt.Errorf("%s writes and %s reads, want %s and %s", writes, reads, args[0], args[1])
	}
	return nil
}

// requests WANT counts what banksman asked the forge's API since it was last
// asked: a pattern for "GET 304: 3, POST 201: 2".
func (s *stage) requests(ts *testscript.TestScript, args []string) error {
	counts := map[string]int{}
	for _, c := range s.server.Calls() {
		if c.Seq > s.asked && c.Actor == "banksman" && !strings.Contains(c.Path, ".git/") {
			counts[fmt.Sprintf("%s %d", c.Method, c.Status)]++
		}
		s.asked = max(s.asked, c.Seq)
	}
	var text []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		text = append(text, fmt.Sprintf("%s: %d", kind, counts[kind]))
	}
	ts.Logf("requests: %s", strings.Join(text, ", "))
	return match(args[0], strings.Join(text, ", "))
}

func match(pattern, text string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	if !re.MatchString(text) {
		return fmt.Errorf("%q does not match %q", text, pattern)
	}
	return nil
}
