//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"banksman.dev/fixtures/faultproxy"
)

var getOptions = metav1.GetOptions{}

// TestOneOfTwoBanksmenWrites follows two through what can happen to them, on a
// real control plane: the parts build on each other.
func TestOneOfTwoBanksmenWrites(t *testing.T) {
	program := os.Getenv(clusterVariable)
	if program == "" {
		t.Skipf("needs a local control plane: %s is not set; make test sets it", clusterVariable)
	}
	r := startRivals(t, program)
	a, b, c := r.rival(t, "a"), r.rival(t, "b"), r.rival(t, "c")

	// The first one leads, the second one waits, and both are ready for their part.
	first := a.start(t)
	nameOfA := first.says(t, `msg="holds the lease" lease=default/banksman as=(\S+)`)[1]
	first.answers(t, "/readyz", http.StatusOK, "reconciles")
	first.answers(t, "/healthz", http.StatusOK, "lives")
	eventually(t, r.settingsAre(t.Context(), "info"))
	waiting := b.start(t)
	waiting.says(t, `waits for the lease: `+nameOfA+` holds it`)
	waiting.answers(t, "/readyz", http.StatusOK, "waits for the lease: "+nameOfA+" holds it")
	waiting.answers(t, "/healthz", http.StatusOK, "lives")
	waiting.answers(t, "/metrics", http.StatusOK, "\nbanksman_leader 0\n")
	first.answers(t, "/metrics", http.StatusOK, "\nbanksman_leader 1\n")
	for _, line := range []string{
		`banksman_deliveries{source="",step="up-to-date"} 1`,
		`banksman_source_followed{source=""} 1`,
		`banksman_transitions_total{event="promoted",source=""} 1`,
		`banksman_statuses_posted_total{source="",state="success"}`,
		`banksman_forge_requests_total{code="200",source=""}`,
		`banksman_api_requests_total{code="201",resource="deliveries",verb="create"} 1`,
		`banksman_step_duration_seconds_count{source="",step="full"} 1`,
	} {
		first.answers(t, "/metrics", http.StatusOK, line)
	}

	// Nobody can slip in between.
	code, said := c.once(t)
	if code != exitFailed || !strings.Contains(said, "banksman: "+nameOfA+" holds the lease default/banksman\n") {
		t.Errorf("run --once ended with %d and said\n%s", code, said)
	}

	// Who is killed and starts again goes on at once, and the other one waits on.
	first.signal(t, syscall.SIGKILL)
	first.ends(t, -1)
	again := a.start(t)
	again.says(t, `msg="holds the lease" lease=default/banksman as=`+nameOfA)
	again.answers(t, "/readyz", http.StatusOK, "reconciles")
	if wrote := slices.Concat(b.wrote(0), c.wrote(0)); len(wrote) > 0 || strings.Contains(waiting.log(), "holds the lease\"") {
		t.Fatalf("one that does not hold the lease wrote %q:\n%s", wrote, waiting.log())
	}

	// Who is stopped in order writes what it is writing, and hands over.
	r.stopsInTheMiddleOfAWrite(t, a, again)
	nameOfB := waiting.says(t, `msg="holds the lease" lease=default/banksman as=(\S+)`)[1]
	waiting.answers(t, "/readyz", http.StatusOK, "reconciles")

	r.stopsAndGoesOn(t, a, b, waiting, nameOfA, nameOfB)

	// Afterwards, run --once takes the lease of the dead, and gives it back.
	if code, said := c.once(t); code != exitOK || !strings.Contains(said, `msg="holds the lease"`) {
		t.Errorf("run --once ended with %d and said\n%s", code, said)
	}
	if err := r.settingsAre(t.Context(), "info")(); err != nil {
		t.Error(err)
	}
	// However many processes there were, what happened was told once.
	if got, err := r.told(t.Context()); err != nil || !slices.Equal(got, []string{"Promoted", "RolloutStarted"}) {
		t.Errorf("the Events are %q, %v", got, err)
	}
	lease, err := r.cluster.CoordinationV1().Leases("default").Get(t.Context(), "banksman", getOptions)
	if err != nil || lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "" {
		t.Errorf("after run --once the lease is %+v, %v", lease, err)
	}
}

// stopsAndGoesOn stops the leader b for longer than its lease, lets a take over
// and die, makes something that wants to be repaired, and lets b go on where it
// was: cut off from the lease, so that it must know by itself.
func (r *rivals) stopsAndGoesOn(t *testing.T, a, b *rival, leader *life, nameOfA, nameOfB string) {
	t.Helper()
	successor := a.start(t)
	successor.says(t, `waits for the lease: `+nameOfB+` holds it`)
	leader.signal(t, syscall.SIGSTOP)
	successor.says(t, `msg="holds the lease"`)
	successor.answers(t, "/readyz", http.StatusOK, "reconciles")
	successor.signal(t, syscall.SIGKILL)
	successor.ends(t, -1)

	isLease := func(q faultproxy.Request) bool { return q.Resource == "leases" }
	b.proxy.Rules(faultproxy.Rule{Match: isLease, Do: faultproxy.Answer(http.StatusServiceUnavailable, "ServiceUnavailable", 0)})
	drifted, err := r.cluster.CoreV1().ConfigMaps("default").Patch(t.Context(), "settings", types.MergePatchType,
		[]byte(`{"data":{"level":"changed by hand"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
	before := len(b.proxy.Log())
	leader.signal(t, syscall.SIGCONT)
	leader.says(t, `was not sent: this banksman no longer holds the lease; another one may be writing`)
	leader.answers(t, "/readyz", http.StatusServiceUnavailable, "the lease could not be renewed")
	eventually(t, func() error { // it has tried to renew, more than once
		asked := 0
		for _, e := range b.proxy.Log()[before:] {
			if isLease(e.Request) {
				asked++
			}
		}
		if asked < 3 {
			return fmt.Errorf("it has asked %d times for the lease", asked)
		}
		return nil
	})
	b.proxy.Rules()
	leader.ends(t, exitFailed)
	if !strings.Contains(leader.log(), "banksman: the lease default/banksman was lost: "+nameOfA+" holds it now\n") {
		t.Errorf("it does not say who holds the lease:\n%s", leader.log())
	}
	if wrote := b.wrote(before); len(wrote) > 0 {
		t.Errorf("after it was stopped for longer than its lease it wrote %q", wrote)
	}
	for _, e := range b.proxy.Log()[before:] {
		if e.Forwarded && isLease(e.Request) && e.Method != http.MethodGet {
			t.Errorf("it wrote the other one's lease: %s, answered %d", e.Method, e.Status)
		}
	}
	now, err := r.cluster.CoreV1().ConfigMaps("default").Get(t.Context(), "settings", getOptions)
	if err != nil || now.ResourceVersion != drifted.ResourceVersion {
		t.Errorf("the object was written: version %s, want %s; %v", now.ResourceVersion, drifted.ResourceVersion, err)
	}
}

// stopsInTheMiddleOfAWrite: the lease is given back when everything is written.
func (r *rivals) stopsInTheMiddleOfAWrite(t *testing.T, a *rival, leader *life) {
	t.Helper()
	isRepair := func(q faultproxy.Request) bool { return q.Resource == "configmaps" && q.Verb == "apply" && !q.DryRun }
	before := len(a.proxy.Log())
	a.proxy.Rules(faultproxy.Rule{Match: isRepair, Do: faultproxy.Delay(3 * time.Second)})
	_, err := r.cluster.CoreV1().ConfigMaps("default").Patch(t.Context(), "settings", types.MergePatchType,
		[]byte(`{"data":{"level":"changed by hand"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if len(only(a.proxy.Log()[before:], isRepair)) == 0 {
			return errors.New("nothing is repaired")
		}
		return nil
	})
	leader.signal(t, syscall.SIGTERM)
	leader.ends(t, exitOK)
	a.proxy.Rules()
	log := a.proxy.Log()[before:]
	repair := only(log, isRepair)[0]
	if repair.Status != http.StatusOK {
		t.Errorf("the write was answered %d", repair.Status)
	}
	release := log[len(log)-1]
	if release.Resource != "leases" || release.Verb != "update" || release.Began.Before(repair.Ended) {
		t.Errorf("the last request is %s %s, begun at %s; want the release of the lease after %s", release.Verb, release.Resource, release.Began, repair.Ended)
	}
	if err := r.settingsAre(t.Context(), "info")(); err != nil {
		t.Error(err)
	}
}

func only(log []faultproxy.Entry, match func(faultproxy.Request) bool) []faultproxy.Entry {
	return slices.DeleteFunc(slices.Clone(log), func(e faultproxy.Entry) bool { return !match(e.Request) })
}

// told are the reasons of the Events of the Delivery, sorted.
func (r *rivals) told(ctx context.Context) ([]string, error) {
	found, err := r.cluster.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Delivery,involvedObject.name=settings"})
	if err != nil {
		return nil, err
	}
	var reasons []string
	for _, e := range found.Items {
		reasons = append(reasons, e.Reason)
	}
	slices.Sort(reasons)
	return reasons, nil
}
