package reconcile_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// answers-lost N: so many writes of Deliveries reach the cluster, and nobody hears.
func (s *stage) answersLost(_ *testscript.TestScript, args []string) (err error) {
	s.cluster.answersLost, err = strconv.Atoi(args[0])
	return err
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

// logger writes for whoever reads the test, and for logged.
func (s *stage) logger(ts *testscript.TestScript) *slog.Logger {
	return slog.New(slog.NewMultiHandler(slog.NewTextHandler(tsLog{ts}, nil), slog.NewJSONHandler(&s.log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
}

var hashes = regexp.MustCompile(`\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{7}\b`)

// logged FILE: the JSON lines so far go into the file, with commits and digests
// numbered as they came.
func (s *stage) logged(_ *testscript.TestScript, args []string) error {
	var seen []string
	text := hashes.ReplaceAllStringFunc(s.log.String(), func(hash string) string {
		kind := "commit"
		switch len(hash) {
		case 64:
			kind = "digest"
		case 7:
			kind = "short"
		}
		i := slices.IndexFunc(seen, func(other string) bool { return strings.HasPrefix(other, hash) })
		if i < 0 {
			i, seen = len(seen), append(seen, hash)
		}
		return fmt.Sprintf("<%s %d>", kind, i+1)
	})
	s.log.Reset()
	return os.WriteFile(filepath.Join(s.dir, args[0]), []byte(text), 0o600)
}
