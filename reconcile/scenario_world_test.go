package reconcile_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	standin "banksman.dev/fixtures/github"
	"banksman.dev/render"
)

// fails IMAGE|DEPLOYMENT makes Pods crash, slow keeps them from becoming ready.
func (s *stage) fails(_ *testscript.TestScript, args []string) error {
	s.cluster.bad[args[0]] = true
	s.cluster.happened = true
	return nil
}

func (s *stage) recovers(_ *testscript.TestScript, args []string) error {
	delete(s.cluster.bad, args[0])
	delete(s.cluster.slow, args[0])
	s.cluster.happened = true
	return nil
}

func (s *stage) slow(_ *testscript.TestScript, args []string) error {
	s.cluster.slow[args[0]] = true
	s.cluster.happened = true
	return nil
}

// later DURATION lets time pass.
func (s *stage) later(_ *testscript.TestScript, args []string) error {
	d, err := time.ParseDuration(args[0])
	s.now = s.now.Add(d)
	return err
}

// by-hand CONFIGMAP TEXT: somebody makes a ConfigMap that is not banksman's.
func (s *stage) byHand(_ *testscript.TestScript, args []string) error {
	s.cluster.byHand(args[0], args[1])
	return nil
}

// runs-by-hand NAME IMAGE: a Deployment that is not banksman's.
func (s *stage) runsByHand(_ *testscript.TestScript, args []string) error {
	s.cluster.runsByHand(args[0], args[1])
	return nil
}

func (s *stage) drift(_ *testscript.TestScript, args []string) error {
	s.cluster.happened = true
	return s.cluster.remove(args[0])
}

func (s *stage) order(_ *testscript.TestScript, args []string) error {
	s.cluster.happened = true
	value := args[1]
	if strings.HasSuffix(args[0], "acknowledge") || strings.HasSuffix(args[0], "abort") && value != "-" {
		sha, err := s.rev(value)
		if err != nil {
			return err
		}
		value = sha
	}
	return s.cluster.order(args[0], value)
}

// forge down|up makes every answer of the REST API an error; forge /PATH that of
// every address with this in it.
func (s *stage) forge(_ *testscript.TestScript, args []string) error {
	s.server.ClearFaults()
	if strings.HasPrefix(args[0], "/") {
		s.server.Fail(standin.Fault{Times: -1, Status: 500, Match: func(r *http.Request) bool {
			return strings.HasPrefix(r.URL.Path, "/api/v3/repos/") && strings.Contains(r.URL.Path, args[0])
		}})
	}
	if args[0] == "down" {
		for _, method := range []string{"GET", "POST"} {
			s.server.Fail(standin.Fault{Method: method, Path: "/repos/", Status: 500, Times: 1000})
		}
	}
	return nil
}

// git up|down|last-look-fails: every fetch fails, or every one but the first.
func (s *stage) gitServer(_ *testscript.TestScript, args []string) error {
	s.server.ClearFaults()
	if args[0] == "up" {
		return nil
	}
	var fetches atomic.Int64
	if args[0] == "down" {
		fetches.Add(1)
	}
	s.server.Fail(standin.Fault{Times: -1, Status: 503, Match: func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/info/refs") && fetches.Add(1) > 1
	}})
	return nil
}

// spoil-kept HOW: somebody does something to what is kept of web.
func (s *stage) spoilKept(_ *testscript.TestScript, args []string) error {
	k, ok := s.cluster.kept["web"]
	if !ok {
		return errors.New("nothing is kept of web")
	}
	switch how := args[0]; how {
	case "gone":
		delete(s.cluster.kept, "web")
		return nil
	case "emptied":
		k.Content = nil
	case "of-another-service":
		k = s.cluster.kept["api"]
		k.Digest = s.cluster.kept["web"].Digest
	case "of-another-release":
		k.Digest = "0000000000000000000000000000000000000000000000000000000000000000"
	default: // FROM=TO in its content
		from, to, _ := strings.Cut(how, "=")
		if !bytes.Contains(k.Content, []byte(from)) {
			return fmt.Errorf("what is kept does not contain %q", from)
		}
		k.Content = bytes.ReplaceAll(k.Content, []byte(from), []byte(to))
	}
	s.cluster.kept["web"] = k
	return nil
}

// kept-cannot-be written|packed|read|unpacked, or "-": what the API server says to
// whoever keeps.
func (s *stage) keptCannotBe(_ *testscript.TestScript, args []string) error {
	s.cluster.keptFault = args[0]
	return nil
}

// grant LOGIN ROLE: what somebody may do in the repository from now on.
func (s *stage) grant(_ *testscript.TestScript, args []string) error {
	return s.server.Grant(manifests, args[0], standin.Role(args[1]))
}

// paused WORKLOAD yes|no: whether its rollout is held where it is.
func (s *stage) isPaused(_ *testscript.TestScript, args []string) error {
	if got := s.cluster.isPaused(args[0]); got != args[1] {
		return fmt.Errorf("paused: %s", got)
	}
	return nil
}

// forget SERVICE: somebody deletes its Delivery.
func (s *stage) forget(_ *testscript.TestScript, args []string) error {
	delete(s.cluster.records, render.ServiceName(args[0]))
	delete(s.cluster.orders, render.ServiceName(args[0])) // they were in it
	s.cluster.happened = true
	return nil
}

// anew: the cluster is made anew, with nothing in it.
func (s *stage) anew(_ *testscript.TestScript, _ []string) error {
	fresh := newMapCluster(s.t)
	fresh.bad, fresh.slow, fresh.forbidden = s.cluster.bad, s.cluster.slow, s.cluster.forbidden
	fresh.happened = true
	s.cluster, s.loop = fresh, nil
	return nil
}
