package notify_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/notify"
	"banksman.dev/render"
)

// chatURL is shoutrrr's generic:// for the receiver.
func (r *receiver) chatURL(path string) string {
	return strings.Replace(r.URL, "http://", "generic://", 1) + path + "?disabletls=yes"
}

func TestAChatGetsTheSentence(t *testing.T) {
	r := receiving(t)
	w := begin(t, notify.Target{Name: "releases", URL: r.chatURL("/room")})
	w.tell(promoted("1"), reconcile.Transition{
		ID: "2", Event: reconcile.EventAwaitingApproval, Service: "fop-gate", Namespace: "dora-apps",
		Ref:    reconcile.Ref{Commit: "3333333333333333333333333333333333333333", Pull: 12},
		Reason: "waits for a review of #12 by team dora-owners", Waits: []string{"team dora-owners"},
		Next: "review https://github.com/dora/manifests/pull/12", URL: "https://github.com/dora/manifests/pull/12",
	})
	w.finish()
	got := r.letters()
	if len(got) != 2 || got[0].path != "/room" {
		t.Fatalf("got %v", got)
	}
	want := []string{
		`fop-gate: promoted (production)
full runs 2222222
commit 2222222 in namespace dora-apps
by alice
https://github.com/dora/manifests/pull/12`,
		`fop-gate: waits for a review (production)
waits for a review of #12 by team dora-owners
commit 3333333 of #12 in namespace dora-apps
next: review https://github.com/dora/manifests/pull/12`,
	}
	for i := range want {
		if d := cmp.Diff(want[i], got[i].body); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestATitleOfItsOwnGoesThere(t *testing.T) {
	r := receiving(t, answer{code: 200, body: strings.NewReader("{}")})
	w := begin(t, notify.Target{Name: "phone", URL: strings.Replace(r.URL, "http://", "ntfy://", 1) + "/room?scheme=http"})
	w.tell(promoted("1"))
	w.finish()
	got := r.letters()
	if len(got) != 1 || got[0].header.Get("Title") != "fop-gate: promoted (production)" || strings.Contains(got[0].body, "(production)") {
		t.Errorf("got %v; the log says %q", got, w.said())
	}
}

func TestTheURLOfAChatIsReadAnewForEachTry(t *testing.T) {
	r := receiving(t)
	file := write(t, r.chatURL("/first")+"\n")
	w := begin(t, notify.Target{Name: "releases", URLFile: file})
	w.tell(promoted("1"))
	wait(t, func() bool { return w.counted(notify.Sent) == 1 })
	if err := os.WriteFile(file, []byte(r.chatURL("/second")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.tell(promoted("2"))
	w.finish()
	if got := r.letters(); len(got) != 2 || got[1].path != "/second" {
		t.Errorf("got %v", got)
	}
}

func TestAChatThatRefusesIsTriedAgainAndNamesNoToken(t *testing.T) {
	r := receiving(t, answer{code: 403}, answer{code: 200})
	w := begin(t, notify.Target{Name: "releases", URL: r.chatURL("/hidden-token") + "&@authorization=hidden-header&$key=hidden-value"})
	w.tell(promoted("1"))
	w.finish()
	if w.counted(notify.Sent) != 1 || w.counted(notify.Retried) != 1 {
		t.Errorf("counted %v", w.counts)
	}
	r.Close()
	v := &world{t: t}
	err := notify.Trial(t.Context(), v.options(), notify.Target{Name: "releases", URL: r.chatURL("/hidden-token") + "&@authorization=hidden-header"}, notify.Sample(notify.Source{}, time.Unix(0, 0)))
	if err == nil || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "header") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}

func TestAChatThatHangsIsNotToldTwiceAndDoesNotHoldUpTheEnd(t *testing.T) {
	hung, asked := hanging(t)
	other := receiving(t)
	w := begin(t, notify.Target{Name: "releases", URL: strings.Replace(hung.URL, "http://", "generic://", 1) + "?disabletls=yes"}, other.hook(t))
	after := promoted("2")
	after.Reason = "something else"
	w.tell(promoted("1"), after)
	<-asked
	wait(t, func() bool { return w.counted(notify.Sent) == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.notifier.Close(ctx)
	if w.counted(notify.Retried) != 0 || w.counted(notify.Failed) != 1 || w.counted(notify.Dropped) != 1 {
		t.Errorf("counted %v", w.counts)
	}
	if !strings.Contains(w.said(), "whether it was taken is not known") {
		t.Errorf("the log says %q", w.said())
	}
}

func TestWhatSaysTheSameOfManyServicesIsOneMessage(t *testing.T) {
	r := receiving(t)
	pausing := make(chan struct{})
	w := begin(t, notify.Target{Name: "releases", URL: r.chatURL("/room")}, r.hook(t))
	w.hold(pausing)
	for i := range 500 {
		x := promoted(fmt.Sprint(i))
		x.Service = render.ServiceName(fmt.Sprintf("s%03d", i))
		w.tell(x)
	}
	alone := promoted("another")
	alone.Reason = "full runs something else"
	w.tell(alone)
	close(pausing)
	w.finish()
	var chats []string
	for _, l := range r.letters() {
		if l.path == "/room" {
			chats = append(chats, l.body)
		}
	}
	if len(chats) != 2 || len(r.letters()) != 2+501 {
		t.Fatalf("%d chats of %d letters", len(chats), len(r.letters()))
	}
	if !strings.HasPrefix(chats[0], "s000 and 499 others: promoted (production)\nfull runs 2222222\ncommit 2222222\nservices: s000, s001, s002, ") {
		t.Errorf("got %s", chats[0])
	}
	if w.counted(notify.Sent) != 2*501 {
		t.Errorf("counted %v", w.counts)
	}
}
