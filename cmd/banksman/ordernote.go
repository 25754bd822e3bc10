package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"banksman.dev/reconcile/api/v1alpha1"
)

// noteStep is between two looks at whether banksman has taken note.
const noteStep = 500 * time.Millisecond

// untilNoted waits until banksman has decided with the orders that were given,
// and says where each service stands then.
func (p *program) untilNoted(ctx context.Context, f orderFlags, given []v1alpha1.Delivery) error {
	var waited time.Duration
	for {
		now, err := p.newest(ctx, f, given)
		if err != nil {
			return err
		}
		var open []v1alpha1.Delivery
		for _, d := range given {
			latest, there := now[nameOfService(d)]
			switch {
			case !there:
				return failed(fmt.Errorf("%s is not there any more", nameOfService(d)), "banksman status -A lists the services that there are")
			case !f.isNoted(d, latest):
				open = append(open, d)
			default:
				if err := p.say(d.Name + ": " + f.notedWords() + stepWords(latest)); err != nil {
					return err
				}
			}
		}
		if given = open; len(given) == 0 {
			return nil
		}
		if waited >= f.timeout {
			return f.unnoted(given)
		}
		if err := p.pause(ctx, noteStep); err != nil {
			return err
		}
		waited += noteStep
	}
}

// isNoted: banksman has decided with the order that was given.
func (f orderFlags) isNoted(given, latest v1alpha1.Delivery) bool {
	if f.look {
		return latest.Status.ReconciledAt == latest.Annotations[v1alpha1.AnnotationReconcileAt] // ours, or a newer one
	}
	return latest.Status.ObservedGeneration >= given.Generation
}

func (f orderFlags) notedWords() string {
	if f.look {
		return "banksman has looked"
	}
	return "banksman has taken note"
}

// stepWords is where a service stands, behind a sentence.
func stepWords(d v1alpha1.Delivery) string {
	if d.Status.Step == "" {
		return ""
	}
	words := "; " + d.Status.Step
	if reason := waitsOrReason(d); reason != "-" {
		words += ": " + reason
	}
	return words
}

// newest reads the Deliveries again, one list for each namespace.
func (p *program) newest(ctx context.Context, f orderFlags, given []v1alpha1.Delivery) (map[string]v1alpha1.Delivery, error) {
	now, asked := map[string]v1alpha1.Delivery{}, map[string]bool{}
	for _, d := range given {
		if asked[d.Namespace] {
			continue
		}
		asked[d.Namespace] = true
		found, err := p.deliveries(ctx, f.cluster, d.Namespace)
		if err != nil {
			return nil, err
		}
		for _, latest := range found {
			now[nameOfService(latest)] = latest
		}
	}
	return now, nil
}

// mostUnnoted is how many services are named that nobody looks after.
const mostUnnoted = 5

func (f orderFlags) unnoted(open []v1alpha1.Delivery) error {
	var names []string
	for _, d := range open[:min(len(open), mostUnnoted)] {
		names = append(names, d.Name)
	}
	list := strings.Join(names, ", ")
	if more := len(open) - len(names); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	if f.look {
		return failed(fmt.Errorf("banksman has not looked at %s within %s", list, f.timeout),
			"is banksman run running, and can it fetch the branch? Its log says so; it looks as soon as it can")
	}
	return failed(fmt.Errorf("banksman has not taken note of the order for %s within %s", list, f.timeout),
		"is banksman run running? The order is written, and followed as soon as it runs;\n"+inNamespace("why", open[0])+" shows it")
}
