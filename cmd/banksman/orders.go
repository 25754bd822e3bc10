package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"banksman.dev/reconcile/api/v1alpha1"
)

// orderFlags are what the verbs that give an order have in common.
type orderFlags struct {
	cluster *clusterFlags
	all     bool
	reason  string
	wait    bool
	timeout time.Duration
	// look: the order is to look now. It needs no reason, and is followed when
	// banksman has looked.
	look bool
}

// Sizes that the definition of a Delivery sets.
const (
	longestReason = 1024
	longestPerson = 253
)

// noteTime is how long banksman may take to take note: it wakes up with the
// order, but ends first what it is doing.
const noteTime = time.Minute

func (f *orderFlags) register(p *program, cmd *cobra.Command) {
	f.cluster = newClusterFlags(cmd.Flags(), "to look in (default: any; with --all the context's)")
	cmd.ValidArgsFunction = p.manyServiceNames(f.cluster)
	if !f.look {
		cmd.Flags().StringVar(&f.reason, "reason", "", "`text` that says why; it is kept and shown")
	}
	cmd.Flags().BoolVar(&f.wait, "wait", true, "wait until banksman has taken note of it")
	cmd.Flags().DurationVar(&f.timeout, "timeout", noteTime, "longest `time` to wait for that note")
}

func (f *orderFlags) registerAll(cmd *cobra.Command, what string) {
	cmd.Flags().BoolVar(&f.all, "all", false, what+" of the namespace")
}

// check looks at what no flag type can.
func (f *orderFlags) check() error {
	switch n := utf8.RuneCountInString(f.reason); {
	case n > longestReason:
		return misused("", "--reason has %d characters: want at most %d", n, longestReason)
	case f.timeout <= 0:
		return misused("--wait=false does not wait", "--timeout %s: want more than nothing", f.timeout)
	}
	return nil
}

// oneOrAll checks the arguments of a verb that takes names, or --all.
func (f *orderFlags) oneOrAll(cmd *cobra.Command, args []string) error {
	switch {
	case f.all && len(args) > 0:
		return misused("", "a SERVICE and --all cannot stand together")
	case !f.all && len(args) == 0:
		return misused("banksman "+cmd.Name()+" --all is for all of a namespace; "+helpOf(cmd), "%s needs the name of a SERVICE", cmd.Name())
	}
	return nil
}

// addressed are the Deliveries that an order is for. One name that is not there
// ends the command before anything is written.
func (p *program) addressed(ctx context.Context, f orderFlags, names []string) ([]v1alpha1.Delivery, error) {
	if f.all {
		found, namespace, err := p.listedDeliveries(ctx, statusFlags{cluster: f.cluster})
		if err == nil && len(found) == 0 {
			err = p.nothingThere(ctx, statusFlags{cluster: f.cluster}, namespace)
		}
		return found, err
	}
	all, err := p.deliveriesAnywhere(ctx, f.cluster)
	if err != nil {
		return nil, err
	}
	once := *p // each name is looked for in the same list
	once.deliveries = func(ctx context.Context, c *clusterFlags, namespace string) ([]v1alpha1.Delivery, error) {
		if namespace == c.namespaceFlag() {
			return all, nil
		}
		return p.deliveries(ctx, c, namespace)
	}
	var found []v1alpha1.Delivery
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		d, err := once.oneDelivery(ctx, f.cluster, name)
		if err != nil {
			return nil, withNearest(err, name, all)
		}
		found = append(found, d)
	}
	return found, nil
}

// withNearest adds the name that was probably meant.
func withNearest(err error, name string, all []v1alpha1.Delivery) error {
	var f *failure
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Name
	}
	near := nearest(name, names)
	if !errors.As(err, &f) || near == "" || slices.Contains(names, name) {
		return err
	}
	return &failure{err: f.err, code: f.code, try: "did you mean " + near + "? nothing was written\n" + f.try}
}

// nameOfService is how the answers speak of a service.
func nameOfService(d v1alpha1.Delivery) string { return d.Name + " in namespace " + d.Namespace }

// inNamespace is a banksman command for a service, to be copied.
func inNamespace(verb string, d v1alpha1.Delivery, more ...string) string {
	return strings.Join(append([]string{"banksman", verb, d.Name}, append(more, "-n", d.Namespace)...), " ")
}

// give gives one order to each service, says what will happen, and waits until
// banksman has taken note.
func (p *program) give(ctx context.Context, f orderFlags, found []v1alpha1.Delivery, order orderOf) error {
	if len(found) == 0 {
		return nil
	}
	c, err := p.clients(f.cluster)
	if err != nil {
		return err
	}
	by, err := whoAmI(ctx, c, f.cluster)
	if err != nil {
		return err
	}
	var given []v1alpha1.Delivery
	var errs []error
	for _, d := range found {
		written, says, err := writeOrder(ctx, c, d, by, order)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case written != nil:
			given = append(given, *written)
		}
		if says != "" {
			errs = append(errs, p.say(nameOfService(d)+" "+says))
		}
	}
	if f.wait && len(given) > 0 {
		errs = append(errs, p.untilNoted(ctx, f, given))
	}
	return errors.Join(errs...)
}

// say prints one sentence of an answer.
func (p *program) say(sentence string) error {
	var b strings.Builder
	for i, line := range wrapped(oneLine(sentence), p.screen().roomFor(2)) {
		fmt.Fprintln(&b, strings.Repeat(" ", 2*min(i, 1))+line)
	}
	return p.print(&b)
}

// manyServiceNames completes each SERVICE of several, those that are not there yet.
func (p *program) manyServiceNames(c *clusterFlags) cobra.CompletionFunc {
	first := p.serviceNames(c)
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names, directive := first(cmd, nil, typed)
		return slices.DeleteFunc(names, func(c cobra.Completion) bool {
			name, _, _ := strings.Cut(c, "\t")
			return slices.Contains(args, name)
		}), directive
	}
}
