package notify

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"

	"banksman.dev/reconcile"
)

// A Target is one place that is told. It has exactly one of URL, URLFile and
// Webhook.
type Target struct {
	Name     string
	Events   []reconcile.Event // empty: Usual
	Services []string          // globs as of path.Match; empty: all
	URL      string            // of shoutrrr, where it holds no secret
	URLFile  string            // a file with such a URL on its first line, read for each try
	Webhook  *Webhook
}

// A Webhook is another program's address.
type Webhook struct {
	URL string
	// SecretFile holds a secret on each line; each signs. It is read for each try.
	// "": nothing is signed, and a receiver cannot tell who sends.
	SecretFile string
}

// Check says what is wrong with targets that are to be told beside each other.
func Check(targets []Target) error {
	names := map[string]bool{}
	var errs []error
	for _, t := range targets {
		errs = append(errs, t.Check())
		if names[t.Name] {
			errs = append(errs, fmt.Errorf("notification target %q: there are two of that name", t.Name))
		}
		names[t.Name] = true
	}
	return errors.Join(errs...)
}

// Check says what is wrong with a target, in a sentence that names it and holds no
// part of its URL but the host.
func (t Target) Check() error {
	if err := t.check(); err != nil {
		return fmt.Errorf("notification target %q: %w", t.Name, err)
	}
	return nil
}

func (t Target) check() error {
	if t.Name == "" {
		return errors.New("it has no name")
	}
	for _, e := range t.Events {
		if !slices.Contains(reconcile.Events(), e) {
			return fmt.Errorf("no event %q; the events are %s", e, eventList())
		}
	}
	for _, g := range t.Services {
		if _, err := path.Match(g, ""); err != nil {
			return fmt.Errorf("services: %q is not a glob: %w", g, err)
		}
	}
	switch ways := count(t.URL != "", t.URLFile != "", t.Webhook != nil); {
	case ways == 0:
		return errors.New("it says nowhere to send to: url, urlFile or webhook is missing")
	case ways > 1:
		return errors.New("it says more than one of url, urlFile and webhook; make a target of each")
	case t.Webhook != nil:
		return t.Webhook.check()
	case t.URL != "":
		return checkChat(t.URL)
	}
	return nil
}

func (w Webhook) check() error {
	u, err := url.Parse(w.URL)
	if err != nil || u.Host == "" {
		return errors.New("webhook: url is not an address such as https://hooks.example.com/banksman")
	}
	if u.User != nil {
		return fmt.Errorf("webhook: url of %s carries a user; the signature says who sends: remove it", u.Host)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isNear(u.Hostname())) {
		return fmt.Errorf("webhook: %s to %s would be readable on its way; use https (http is for this machine and for Services of the cluster: NAME.NAMESPACE.svc)", cmp.Or(u.Scheme, "no scheme"), u.Host)
	}
	return nil
}

// wants says whether the target hears of it.
func (t Target) wants(n Notification) bool {
	events := t.Events
	if len(events) == 0 {
		events = Usual()
	}
	if !slices.Contains(events, n.Event) {
		return false
	}
	if n.Service == "" {
		return true // what concerns the whole branch concerns each
	}
	return len(t.Services) == 0 || slices.ContainsFunc(t.Services, func(glob string) bool {
		ok, err := path.Match(glob, n.Service)
		return ok && err == nil
	})
}

func eventList() string {
	words := make([]string, 0, len(reconcile.Events()))
	for _, e := range reconcile.Events() {
		words = append(words, string(e))
	}
	return strings.Join(words, ", ")
}

func count(facts ...bool) int {
	n := 0
	for _, f := range facts {
		if f {
			n++
		}
	}
	return n
}

func (t Target) equal(o Target) bool { return reflect.DeepEqual(t, o) }
