package record

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"banksman.dev/approvals"
	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

// generated makes values of any type of the records, by reflection, so that a
// field that somebody adds is part of the test at once.
func generated[T any]() *rapid.Generator[T] {
	return rapid.MakeCustom[T](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[time.Time](): rapid.Custom(func(t *rapid.T) any {
			if rapid.Bool().Draw(t, "zero") {
				return time.Time{}
			}
			return time.Unix(rapid.Int64Range(1, 4e9).Draw(t, "seconds"), 0).UTC()
		}),
		reflect.TypeFor[approvals.Policy](): rapid.Custom(func(t *rapid.T) any { return policy(t, 1) }),
		reflect.TypeFor[string]():           rapid.String().AsAny(),
		reflect.TypeFor[int]():              rapid.IntRange(0, 1<<31-1).AsAny(), // JSON keeps no larger ones for sure
	}})
}

// policy makes policies as deep as they can be: one Also.
func policy(t *rapid.T, depth int) approvals.Policy {
	names := rapid.SliceOfN(rapid.StringN(1, 5, -1), 0, 3)
	p := approvals.Policy{Any: rapid.IntRange(0, 5).Draw(t, "any")}
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		if v.Field(i).Type() == reflect.TypeFor[[]string]() {
			v.Field(i).Set(reflect.ValueOf(names.Draw(t, v.Type().Field(i).Name)))
		}
	}
	if depth > 0 {
		for range rapid.IntRange(0, 2).Draw(t, "also") {
			p.Also = append(p.Also, policy(t, 0))
		}
	}
	return p
}

// normal makes every empty list nil, as Load does.
func normal(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := range v.Len() {
			normal(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			normal(v.Field(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			normal(v.Elem())
		}
	default:
	}
}

func TestARecordComesBackAsItWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := generated[reconcile.Record]().Draw(t, "record")
		normal(reflect.ValueOf(&r).Elem())
		d := (&Store{}).newDelivery(r)
		d.Status = statusOf(r, generated[reconcile.View]().Draw(t, "view"), d, metav1.Now())
		got := recordOf(throughJSON(t, d))
		if diff := cmp.Diff(r, got); diff != "" {
			t.Fatalf("-went in +came back\n%s", diff)
		}
		if !reflect.DeepEqual(r, got) {
			t.Fatal("the loop compares records with DeepEqual, and these differ")
		}
	})
}

func throughJSON(t *rapid.T, d *v1alpha1.Delivery) *v1alpha1.Delivery {
	u, err := encode(d)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &u.Object); err != nil {
		t.Fatal(err)
	}
	back, err := decode(u)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func TestTimesAreCutToSeconds(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 891, time.FixedZone("x", 3600))
	got := fromTime(toTime(at))
	if want := time.Date(2026, 3, 4, 4, 6, 7, 0, time.UTC); got != want {
		t.Errorf("%v", got)
	}
	if !fromTime(toTime(time.Time{})).IsZero() {
		t.Error("the zero time does not stay zero")
	}
}

func TestOrdersAreReadFromTheSpec(t *testing.T) {
	until := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	d := &v1alpha1.Delivery{Spec: v1alpha1.DeliverySpec{
		Suspend: &v1alpha1.Suspend{Reason: "fire", By: "alice", Until: &until}, Retry: "again", Acknowledge: "abc",
		Abort: "def", AbortBy: "carol", AbortReason: "wrong",
	}}
	want := reconcile.Orders{
		Suspend: &reconcile.Suspend{Reason: "fire", By: "alice", Until: until.Time}, Retry: "again", Acknowledge: "abc",
		Abort: "def", AbortedBy: "carol", AbortReason: "wrong",
	}
	if diff := cmp.Diff(want, ordersOf(d)); diff != "" {
		t.Error(diff)
	}
	d = &v1alpha1.Delivery{}
	d.Annotations = map[string]string{"banksman.dev/reconcile-at": "now"}
	if diff := cmp.Diff(reconcile.Orders{Look: "now"}, ordersOf(d)); diff != "" {
		t.Error(diff)
	}
	d.Annotations["banksman.dev/reconcile-at"] = strings.Repeat("x", 254)
	if got := ordersOf(d).Look; got != "" {
		t.Errorf("an order that is too long to be remembered: %d characters", len(got))
	}
	if diff := cmp.Diff(reconcile.Orders{}, ordersOf(&v1alpha1.Delivery{})); diff != "" {
		t.Error(diff)
	}
}

func TestLiveIsNamedByTheReleaseWhoseDigestItHas(t *testing.T) {
	promoted := &reconcile.Ref{Commit: gitsrc.SHA("1111111222222222222222222222222222222222"), Digest: "p"}
	rolling := &reconcile.Ref{Commit: gitsrc.SHA("3333333222222222222222222222222222222222"), Digest: "r"}
	for name, c := range map[string]struct {
		digest render.Digest
		short  string
	}{
		"what rolls":                        {"r", "3333333"},
		"what is promoted":                  {"p", "1111111"},
		"something that neither of them is": {"x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := live(reconcile.Live{Digest: c.digest, Health: reconcile.Healthy}, rolling, promoted)
			if got.Short != c.short || got.Health != "healthy" {
				t.Errorf("%+v", got)
			}
		})
	}
	if live(reconcile.Live{}, rolling) != nil {
		t.Error("nothing is shown as something")
	}
}

func TestConditionsSayTheView(t *testing.T) {
	for name, c := range map[string]struct {
		view                        reconcile.View
		ready, reconciling, stalled metav1.ConditionStatus
		reason                      string
	}{
		"up to date":         {reconcile.View{Step: reconcile.StepUpToDate, Ready: true, Reason: "full runs it"}, "True", "False", "False", "UpToDate"},
		"waits for a review": {reconcile.View{Step: reconcile.StepApproval, Reason: "waits"}, "False", "True", "False", "Approval"},
		"held":               {reconcile.View{Step: reconcile.StepHeld, Stalled: true, Reason: "held"}, "False", "False", "True", "Held"},
		"suspended":          {reconcile.View{Step: reconcile.StepSuspended, Reason: "fire"}, "False", "False", "False", "Suspended"},
	} {
		t.Run(name, func(t *testing.T) {
			var conditions []metav1.Condition
			first := metav1.NewTime(time.Unix(1000, 0))
			setConditions(&conditions, c.view, 3, first)
			setConditions(&conditions, c.view, 4, metav1.NewTime(time.Unix(2000, 0)))
			want := map[string]metav1.ConditionStatus{"Ready": c.ready, "Reconciling": c.reconciling, "Stalled": c.stalled}
			if len(conditions) != len(want) {
				t.Fatalf("%d conditions", len(conditions))
			}
			for _, got := range conditions {
				if got.Status != want[got.Type] || got.Reason != c.reason || got.Message != c.view.Reason {
					t.Errorf("%+v", got)
				}
				if got.ObservedGeneration != 4 || !got.LastTransitionTime.Equal(&first) {
					t.Errorf("generation or time moved wrongly: %+v", got)
				}
			}
		})
	}
}
