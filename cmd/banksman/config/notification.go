package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"

	"gopkg.in/yaml.v3"

	"banksman.dev/reconcile"
)

// Events are those that a notification may choose.
func Events() []reconcile.Event {
	return []reconcile.Event{
		reconcile.EventCanaryStarted, reconcile.EventCanaryReady, reconcile.EventAwaitingApproval, reconcile.EventBlocked,
		reconcile.EventRolloutStarted, reconcile.EventPromoted, reconcile.EventRolledBack, reconcile.EventHeld,
		reconcile.EventWithdrawn, reconcile.EventDegraded, reconcile.EventRecovered, reconcile.EventUnreadable,
		reconcile.EventSuspended, reconcile.EventResumed, reconcile.EventRemoved,
	}
}

func (r *reader) notification(n *yaml.Node) {
	var target Notification
	what := titled("notification", n)
	said := r.fields(n, what, map[string]field{
		"name":     r.formed(&target.Name, "name", nameForm),
		"url":      r.target(&target.URL),
		"urlFile":  r.word(&target.URLFile, "urlFile"),
		"webhook":  func(n *yaml.Node) { target.Webhook = &Webhook{}; r.webhook(n, target.Webhook) },
		"events":   r.events(&target.Events),
		"services": r.globs(&target.Services),
	})
	r.required(n, what, said, map[string]string{"name": "write name: and a word that repositories can choose it by"})
	ways := 0
	for _, key := range []string{"url", "urlFile", "webhook"} {
		if said[key] != nil {
			ways++
		}
	}
	if ways != 1 && said != nil {
		r.fault(n, fmt.Sprintf("%s says %d times where it goes", what, ways), "write one of url, urlFile and webhook")
	}
	r.notifications = append(r.notifications, n)
	r.read.Notifications = append(r.read.Notifications, target)
}

// target reads a shoutrrr address that may stand in a ConfigMap.
func (r *reader) target(into *string) field {
	return func(n *yaml.Node) {
		r.word(into, "url")(n)
		u, err := url.Parse(*into)
		switch {
		case *into == "":
		case err != nil || u.Scheme == "":
			r.fault(n, "url is not an address", "write it as shoutrrr knows it, such as generic://host/path")
		case u.User != nil:
			r.fault(n, "url carries a user or a token", "put it in a file, and name that with urlFile")
		}
	}
}

func (r *reader) webhook(n *yaml.Node, into *Webhook) {
	said := r.fields(n, "webhook", map[string]field{
		"url":        r.word(&into.URL, "url"),
		"secretFile": r.word(&into.SecretFile, "secretFile"),
	})
	r.required(n, "webhook", said, map[string]string{"url": "write url: https://host/path"})
	if into.URL == "" {
		return
	}
	u, err := url.Parse(into.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		r.fault(said["url"], "url is not the address of a webhook", "write it as https://host/path")
	case u.User != nil:
		r.fault(said["url"], "url carries a user or a token", "remove it; the payload is signed with secretFile")
	}
}

func (r *reader) events(into *[]reconcile.Event) field {
	return func(n *yaml.Node) {
		r.each(n, "events", func(item *yaml.Node) {
			var event reconcile.Event
			chosen(&r.nodes, &event, "event", Events()...)(item)
			if event != "" && slices.Contains(*into, event) {
				r.fault(item, fmt.Sprintf("events lists %q twice", event), "keep one of them")
			}
			*into = append(*into, event)
		})
	}
}

func (r *reader) globs(into *[]string) field {
	return func(n *yaml.Node) {
		r.words(into, "services", "glob", plainForm)(n)
		for i, glob := range *into {
			if _, err := path.Match(glob, ""); err != nil && i < len(n.Content) {
				r.fault(n.Content[i], fmt.Sprintf("glob %q is malformed", clip(glob)), "write a name with * and ? in it, such as fop-*")
			}
		}
	}
}
