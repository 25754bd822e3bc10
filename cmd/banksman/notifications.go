package main

import (
	"context"
	"time"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/reconcile/notify"
)

// targetsOf are the notification targets that at least one source tells, each
// once, in the order in which they are named first.
func targetsOf(sources []config.Source) []notify.Target {
	var targets []notify.Target
	known := map[string]bool{}
	for _, s := range sources {
		for _, n := range s.Notify {
			if !known[n.Name] {
				known[n.Name] = true
				targets = append(targets, targetOf(n))
			}
		}
	}
	return targets
}

func targetOf(n config.Notification) notify.Target {
	t := notify.Target{Name: n.Name, Events: n.Events, Services: n.Services, URL: n.URL, URLFile: n.URLFile}
	if n.Webhook != nil {
		t.Webhook = &notify.Webhook{URL: n.Webhook.URL, SecretFile: n.Webhook.SecretFile}
	}
	return t
}

// sourceOf is what notifications say of where they come from.
func sourceOf(s config.Source) notify.Source {
	from := notify.Source{Name: s.Name, Environment: s.Environment}
	for _, n := range s.Notify {
		from.Targets = append(from.Targets, n.Name)
	}
	return from
}

// lastWords is how long the end waits for what is queued.
const lastWords = 5 * time.Second

// endNotifications delivers what is queued, for a moment.
func endNotifications(n *notify.Notifier) {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	n.Close(ctx)
}
