package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	installation "banksman.dev/cmd/banksman/install"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/health"
)

// applyChange applies what differs, in order, and removes what is left behind.
func (p *program) applyChange(ctx context.Context, c clients, f *installFlags, ch change) error {
	for _, one := range ch.parts {
		if !one.differs() {
			continue
		}
		force := f.forced(one.manifest)
		if _, err := applyObject(ctx, c, one.manifest, force); err != nil {
			return f.halfway(f.refused(c, one.manifest, err))
		}
	}
	for _, o := range ch.gone {
		if err := remove(ctx, c, o); err != nil {
			return f.halfway(err)
		}
	}
	return nil
}

// halfway: what was applied stays, and the same command goes on from there.
func (f *installFlags) halfway(err error) error {
	var old *failure
	const again = "what was applied before it stays; the same command goes on from there"
	if errors.As(err, &old) {
		return failed(old.err, strings.TrimSpace(old.try+"\n"+again))
	}
	return failed(err, again)
}

// remove deletes exactly the object that was read.
func remove(ctx context.Context, c clients, o *unstructured.Unstructured) error {
	resource, err := resourceOf(c, o.GroupVersionKind(), o.GetNamespace())
	if err != nil {
		return explainCluster(c.host, err)
	}
	uid, behind := o.GetUID(), metav1.DeletePropagationBackground
	err = resource.Delete(ctx, o.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &behind})
	if err != nil && !apierrors.IsNotFound(err) {
		return explainCluster(c.host, fmt.Errorf("remove %s: %w", called(o), err))
	}
	return nil
}

// lookAgain is the time between two looks at a Deployment.
const lookAgain = time.Second

// ready waits until the Deployment is, and says what comes next.
func (p *program) ready(ctx context.Context, c clients, f *installFlags) error {
	if !f.wait {
		return p.printNext(f, "banksman is applied to namespace "+f.home())
	}
	limited, done := context.WithTimeout(ctx, f.timeout)
	defer done()
	told := false
	for {
		u, err := getOrNil(limited, c, deployments, f.home(), installation.Name)
		var state health.State
		switch {
		case err != nil && limited.Err() == nil:
			return explainCluster(c.host, err)
		case err == nil && u == nil:
			return failed(fmt.Errorf("the Deployment %s/%s is gone again", f.home(), installation.Name), "who removes it? kubectl -n "+f.home()+" get events")
		case err == nil:
			state = health.Of(u, time.Time{})
			if state.Health == reconcile.Healthy {
				count, _ := health.CountPods(u)
				return p.printNext(f, fmt.Sprintf("banksman is installed in namespace %s: %d of %d Pods are ready", f.home(), count.Ready, count.Want))
			}
		}
		if !told {
			if err := p.note("waits until Deployment " + f.home() + "/" + installation.Name + " is ready; Ctrl-C ends the waiting, not banksman"); err != nil {
				return err
			}
			told = true
		}
		if p.pause(limited, lookAgain) != nil {
			return p.notReady(ctx, c, f, state)
		}
	}
}

// notReady says why the Pods do not come up.
func (p *program) notReady(ctx context.Context, c clients, f *installFlags, state health.State) error {
	if ctx.Err() != nil {
		return failed(errors.New("stopped waiting; what was applied stays"), "kubectl -n "+f.home()+" get pods")
	}
	what := fmt.Errorf("it is applied, and not ready within %s: %s", f.timeout, state.Message)
	selector := installation.LabelName + "=" + installation.Name
	found, err := list(ctx, c, listKey{kind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, namespace: f.home()}, selector)
	if err == nil {
		for _, pod := range found {
			if trouble := health.PodTrouble(pod); trouble != "" {
				what = fmt.Errorf("%w; Pod %s: %s", what, pod.GetName(), trouble)
				break
			}
		}
	}
	return failed(what, fmt.Sprintf("kubectl -n %s describe pods -l %s\nkubectl -n %s logs deploy/%s", f.home(), selector, f.home(), installation.Name))
}

// printNext ends with what a person does next.
func (p *program) printNext(f *installFlags, what string) error {
	var b strings.Builder
	sc := p.screen()
	fmt.Fprintf(&b, "\n%s\n", what)
	about := facts{out: &b, screen: sc}
	about.addCommand("Next", "banksman status -A")
	about.addCommand("The log", "kubectl -n "+f.home()+" logs deploy/"+installation.Name+" -f")
	about.addCommand("Upgrade", "banksman install --image NAME"+f.elsewhere())
	about.addCommand("Remove", "banksman uninstall"+f.elsewhere())
	about.print()
	return p.print(&b)
}

// elsewhere is -n where it must be said.
func (f *installFlags) elsewhere() string {
	if f.home() == homeNamespace {
		return ""
	}
	return " -n " + f.home()
}
