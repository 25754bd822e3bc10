package notify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/notify"
)

func TestAWebhookGetsTheNotificationAsJSON(t *testing.T) {
	r := receiving(t)
	w := begin(t, r.hook(t))
	w.tell(promoted("7"))
	w.finish()
	got := r.letters()
	if len(got) != 1 {
		t.Fatalf("got %d letters", len(got))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(got[0].body), "", "  "); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "apiVersion": "banksman.dev/v1alpha1",
  "kind": "Notification",
  "id": "production/dora/7",
  "event": "promoted",
  "environment": "production",
  "source": "dora",
  "service": "fop-gate",
  "namespace": "dora-apps",
  "commit": "2222222222222222222222222222222222222222",
  "step": "Up to date",
  "reason": "full runs 2222222",
  "waits": [],
  "by": [
    "alice"
  ],
  "url": "https://github.com/dora/manifests/pull/12",
  "at": "2026-11-21T09:30:00Z"
}`
	if d := cmp.Diff(want, indented.String()); d != "" {
		t.Errorf("the body (-want +got):\n%s", d)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "banksman/test",
		"Banksman-Event": "promoted", "Banksman-Delivery": "production/dora/7", "Banksman-Timestamp": "1795253400",
	} {
		if v := got[0].header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if w.counted(notify.Sent) != 1 {
		t.Errorf("counted %v", w.counts)
	}
}

func TestEveryNotificationKeepsToTheSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(notify.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("notification.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("notification.json")
	if err != nil {
		t.Fatal(err)
	}
	r := receiving(t)
	target := r.hook(t)
	target.Events = reconcile.Events()
	w := begin(t, target)
	for _, e := range reconcile.Events() {
		bare := reconcile.Transition{ID: string(e), Event: e}
		full := promoted("full-" + string(e))
		full.Event, full.Ref.Pull, full.Waits, full.Next = e, 12, []string{"team owners"}, "review #12"
		w.tell(bare, full)
	}
	w.finish()
	sample, err := json.Marshal(notify.Sample(notify.Source{}, time.Unix(0, 0)))
	if err != nil {
		t.Fatal(err)
	}
	bodies := []string{string(sample)}
	for _, l := range r.letters() {
		bodies = append(bodies, l.body)
	}
	if want := 2*len(reconcile.Events()) + 1; len(bodies) != want {
		t.Fatalf("%d bodies, want %d", len(bodies), want)
	}
	known := schema.Properties
	for _, body := range bodies {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s\n%v", body, err)
		}
		for key := range v.(map[string]any) {
			if known[key] == nil {
				t.Errorf("the schema does not know %q", key)
			}
		}
	}
}

// verify is what a receiver does, from the description alone: HMAC as RFC 2104
// defines it.
func verify(l letter, secret string) bool {
	const block = 64
	key := make([]byte, block)
	copy(key, secret)
	inner, outer := sha256.New(), sha256.New()
	for _, b := range key {
		inner.Write([]byte{b ^ 0x36})
		outer.Write([]byte{b ^ 0x5c})
	}
	inner.Write([]byte(l.header.Get("Banksman-Timestamp") + "." + l.body))
	outer.Write(inner.Sum(nil))
	return slices.Contains(strings.Split(l.header.Get("Banksman-Signature"), " "), "sha256="+hex.EncodeToString(outer.Sum(nil)))
}

func TestAReceiverVerifiesWithEitherSecretWhileTheyAreRotated(t *testing.T) {
	r := receiving(t)
	w := begin(t, r.hook(t, secret, "", second))
	w.tell(promoted("1"))
	w.finish()
	l := r.letters()[0]
	if !verify(l, secret) || !verify(l, second) {
		t.Errorf("not signed by both: %s", l.header.Get("Banksman-Signature"))
	}
	if verify(l, "another secret of some length") {
		t.Error("anything verifies")
	}
	l.body += " "
	if verify(l, secret) {
		t.Error("another body verifies")
	}
}

func TestASecretFileIsReadAnewForEachTry(t *testing.T) {
	r := receiving(t)
	target := r.hook(t, secret)
	w := begin(t, target)
	w.tell(promoted("1"))
	wait(t, func() bool { return w.counted(notify.Sent) == 1 })
	if err := os.WriteFile(target.Webhook.SecretFile, []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	w.tell(promoted("2"))
	w.finish()
	if l := r.letters()[1]; verify(l, secret) || !verify(l, second) {
		t.Error("the second is not signed by the new secret alone")
	}
}

func TestWhatBecomesOfATry(t *testing.T) {
	const muchTooLong = 256 << 20
	long := io.LimitReader(rand.NewChaCha8([32]byte{}), muchTooLong)
	ok := answer{code: 200}
	for name, c := range map[string]struct {
		answers []answer
		tries   int
		outcome notify.Outcome
		first   time.Duration // at least, before the second try
		says    string
	}{
		"204 is taken":                        {[]answer{{code: 204}}, 1, notify.Sent, 0, ""},
		"a huge answer is not read":           {[]answer{{code: 200, body: long}}, 1, notify.Sent, 0, ""},
		"500, then 200, is tried again":       {[]answer{{code: 500}, ok}, 2, notify.Sent, time.Second / 2, ""},
		"408, then 200, is tried again":       {[]answer{{code: 408}, ok}, 2, notify.Sent, time.Second / 2, ""},
		"429 says when":                       {[]answer{{code: 429, header: map[string]string{"Retry-After": "7"}}, ok}, 2, notify.Sent, 7 * time.Second, ""},
		"503 says when, with a date":          {[]answer{{code: 503, header: map[string]string{"Retry-After": "Sat, 21 Nov 2026 09:30:42 GMT"}}, ok}, 2, notify.Sent, 42 * time.Second, ""},
		"429 that asks for a day is given up": {[]answer{{code: 429, header: map[string]string{"Retry-After": "86400"}}}, 1, notify.Failed, 0, "answered 429 Too Many Requests"},
		"a Retry-After before now is not heard": {
			[]answer{{code: 503, header: map[string]string{"Retry-After": "-5"}}, ok}, 2, notify.Sent, time.Second / 2, "",
		},
		"404 is final":                {[]answer{{code: 404}}, 1, notify.Failed, 0, "answered 404 Not Found"},
		"500 for ever has an end":     {[]answer{{code: 500}}, 8, notify.Failed, time.Second / 2, "answered 500 Internal Server Error"},
		"a redirect is not followed":  {[]answer{{code: 307, header: map[string]string{"Location": "/elsewhere"}}, ok}, 1, notify.Failed, 0, "no redirect is followed"},
		"304 is an answer to nothing": {[]answer{{code: 304}}, 1, notify.Failed, 0, "answered 304"},
	} {
		t.Run(name, func(t *testing.T) {
			r := receiving(t, c.answers...)
			w := begin(t, r.hook(t))
			w.tell(promoted("1"))
			w.finish()
			if got := len(r.letters()); got != c.tries {
				t.Errorf("%d tries, want %d", got, c.tries)
			}
			if w.counted(c.outcome) != 1 || w.counted(notify.Retried) != c.tries-1 || len(w.waited) != c.tries-1 {
				t.Errorf("counted %v, waited %v", w.counts, w.waited)
			}
			if len(w.waited) > 0 && w.waited[0] < c.first {
				t.Errorf("waited %s, want at least %s", w.waited[0], c.first)
			}
			if log := w.said(); !strings.Contains(log, c.says) || (c.says == "") != (log == "") {
				t.Errorf("the log says %q, want %q", log, c.says)
			}
			for _, l := range r.letters() {
				if !verify(l, secret) {
					t.Error("a try is not signed for its own time")
				}
			}
			r.Close()
			if r.wrote >= muchTooLong {
				t.Error("all of a huge answer is read")
			}
		})
	}
}

func TestThePausesGrowAndAreSpread(t *testing.T) {
	r := receiving(t, answer{code: 500})
	w := begin(t, r.hook(t))
	w.tell(promoted("1"), promoted("2"))
	w.finish()
	if len(w.waited) != 14 {
		t.Fatalf("waited %v", w.waited)
	}
	for i, d := range w.waited[:7] {
		if most := min(time.Second<<i, time.Minute); d < most/2 || d > most {
			t.Errorf("pause %d is %s, want it between %s and %s", i, d, most/2, most)
		}
	}
	if slices.Equal(w.waited[:7], w.waited[7:]) {
		t.Error("no jitter")
	}
}

func TestASignatureGoesToNoOtherHost(t *testing.T) {
	other := receiving(t)
	r := receiving(t, answer{code: http.StatusTemporaryRedirect, header: map[string]string{"Location": other.URL}})
	w := begin(t, r.hook(t))
	w.tell(promoted("1"))
	w.finish()
	if n := len(other.letters()); n > 0 {
		t.Errorf("the other host got %d letters", n)
	}
}

func TestNoErrorHoldsWhatStandsInAnAddress(t *testing.T) {
	r := receiving(t)
	r.Close()
	target := r.hook(t)
	target.Webhook.URL = r.URL + "/hidden-path?token=hidden-token"
	w := begin(t, target)
	w.tell(promoted("1"))
	w.finish()
	if log := w.said(); strings.Contains(log, "hidden") || !strings.Contains(log, "connection refused") {
		t.Errorf("the log says %q", log)
	}
}

func TestASecretThatCannotBeUsedIsSaidWithoutIt(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"no secret":        {"\n", "holds 0 secrets"},
		"a short one":      {"hunter2", "a secret of 7 characters can be guessed"},
		"five":             {strings.Repeat(secret+"\n", 5), "holds 5 secrets"},
		"a file of a book": {strings.Repeat("x", 5000), "has 5000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			r := receiving(t)
			target := r.hook(t)
			target.Webhook.SecretFile = write(t, c.content)
			w := &world{t: t}
			err := notify.Trial(t.Context(), w.options(), target, notify.Sample(notify.Source{}, time.Unix(0, 0)))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if len(r.letters()) > 0 {
				t.Error("it was sent unsigned")
			}
		})
	}
	target := receiving(t).hook(t)
	target.Webhook.SecretFile = "/nowhere"
	w := &world{t: t}
	if err := notify.Trial(t.Context(), w.options(), target, notify.Notification{}); errors.Unwrap(err) != nil || err == nil {
		t.Errorf("got %v", err)
	}
}

// wait polls with a bounded deadline.
func wait(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
