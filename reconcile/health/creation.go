package health

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// WhyNoPods says why the Pods of a workload cannot be created: a Deployment's by
// its ReplicaFailure condition, those of others by the FailedCreate Events about
// it. Since is when its content was applied: what was said before is about
// another one.
func WhyNoPods(u *unstructured.Unstructured, events []Event, since time.Time) Trouble {
	if !lacksPods(u) {
		return Trouble{}
	}
	if u.GetKind() == "Deployment" {
		if c, ok := holds(u, "ReplicaFailure"); ok {
			return Trouble{noPods, notCreated(c.message)}
		}
		return Trouble{}
	}
	var last Event
	for _, e := range events {
		switch {
		case e.Reason != "FailedCreate" || e.UID != u.GetUID():
		case !e.Last.IsZero() && e.Last.Before(since.Truncate(time.Second)):
		case last.Reason == "", e.Last.After(last.Last), e.Last.Equal(last.Last) && e.Message < last.Message:
			last = e
		}
	}
	if last.Reason == "" {
		return Trouble{}
	}
	return Trouble{noPods, notCreated(last.Message)}
}

// lacksPods says whether a workload has fewer Pods than it wants. A Deployment
// may have all of them, of an old template.
func lacksPods(u *unstructured.Unstructured) bool {
	if u.GroupVersionKind().GroupKind() == jobKind {
		return number(u, 0, "status", "active") == 0
	}
	c, ok := CountPods(u)
	switch u.GetKind() {
	case "DaemonSet":
		c.Total = number(u, 0, "status", "currentNumberScheduled")
	case "Deployment":
		c.Total = min(c.Total, c.Updated)
	}
	return ok && c.Total < c.Want
}

var (
	beforeCreation = []*regexp.Regexp{
		regexp.MustCompile(`^Error creating: `),
		regexp.MustCompile(`^[Cc]reate (?:Claim \S+ )?(?:for )?Pod \S+ in StatefulSet \S+ failed error: `),
		regexp.MustCompile(`^Internal error occurred: `),
		regexp.MustCompile(`^(?:pods|persistentvolumeclaims) "[^"]*" is forbidden: `),
		regexp.MustCompile(`^Internal error occurred: `),
	}
	isInvalid    = regexp.MustCompile(`^Pod "[^"]*" is invalid: `)
	overQuota    = regexp.MustCompile(`^exceeded quota: ([^,]+), requested: (\S+), used: \S+, limited: (\S+)$`)
	silentQuota  = regexp.MustCompile(`^failed quota: ([^:]+): must specify (.+)$`)
	beyondRange  = regexp.MustCompile(`(?:maximum|minimum) \S+ usage per \S+ is [^,\]]+(?:, but (?:limit|request) is [^,\]]+|\. +No (?:limit|request) is specified)?`)
	podSecurity  = regexp.MustCompile(`^violates PodSecurity "([^":]+)[^"]*": (.*)$`)
	parentheses  = regexp.MustCompile(`\s*\([^()]*\)`)
	webhookSays  = regexp.MustCompile(`^admission webhook "([^"]+)" denied the request(?:: (.*)| without explanation)$`)
	webhookFails = regexp.MustCompile(`^failed calling webhook "([^"]+)":(.*)$`)
	policySays   = regexp.MustCompile(`^ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: (.*)$`)
	noAccount    = regexp.MustCompile(`service account \S+: serviceaccount "([^"]+)" not found`)
	noPriority   = regexp.MustCompile(`no PriorityClass with name (\S+) was found`)
	noRuntime    = regexp.MustCompile(`RuntimeClass "([^"]+)" not found`)
)

// notCreated is the sentence about Pods that the API server refuses.
func notCreated(message string) string {
	says := oneLine(message)
	for _, r := range beforeCreation {
		says = r.ReplaceAllString(says, "")
	}
	return cut("Pods cannot be created: "+refusal(says), longest+len("Pods cannot be created: "))
}

func refusal(says string) string {
	if m := overQuota.FindStringSubmatch(says); m != nil {
		return "quota " + plain(m[1]) + " is exceeded, it allows " + allowed(m[2], m[3])
	}
	if m := silentQuota.FindStringSubmatch(says); m != nil {
		return "quota " + plain(m[1]) + " wants the containers to say " + plain(m[2])
	}
	if m := beyondRange.FindString(says); m != "" {
		return "a LimitRange forbids them: " + cut(strings.ReplaceAll(m, ". No ", ", no "), longest)
	}
	if m := podSecurity.FindStringSubmatch(says); m != nil {
		return "PodSecurity " + plain(m[1]) + " forbids them: " + plain(parentheses.ReplaceAllString(m[2], ""))
	}
	if m := webhookSays.FindStringSubmatch(says); m != nil {
		return "webhook " + plain(m[1]) + " denies them: " + cmp.Or(plain(m[2]), "it does not say why")
	}
	if m := webhookFails.FindStringSubmatch(says); m != nil {
		return "webhook " + plain(m[1]) + " " + cmp.Or(meaning(webhookCauses, m[2]), "cannot be called")
	}
	if m := policySays.FindStringSubmatch(says); m != nil {
		return "admission policy " + plain(m[1]) + " denies them: " + plain(m[2])
	}
	for _, absent := range []struct {
		pattern *regexp.Regexp
		kind    string
	}{{noAccount, "ServiceAccount"}, {noPriority, "PriorityClass"}, {noRuntime, "RuntimeClass"}} {
		if m := absent.pattern.FindStringSubmatch(says); m != nil {
			return absent.kind + " " + plain(m[1]) + " does not exist"
		}
	}
	if strings.Contains(says, "because it is being terminated") {
		return "the namespace is being deleted"
	}
	return plain(isInvalid.ReplaceAllString(says, "the template is not valid: "))
}

var webhookCauses = []cause{
	{"x509", "is called in vain: its certificate is not trusted"},
	{"not found", "is called in vain: its Service does not exist"},
	{"no endpoints available", "is called in vain: no Pod of it is ready"},
	{"connection refused", "is called in vain: connection refused"},
	{"no such host", "is called in vain: its name is unknown to DNS"},
	{"deadline exceeded", "does not answer in time"},
	{"timeout", "does not answer in time"},
}

// allowed is what a quota allows of what is asked for: both are lists such as
// cpu=1,pods=1. How much is in use changes from minute to minute.
func allowed(requested, limited string) string {
	var asked []string
	for _, r := range strings.Split(requested, ",") {
		name, _, _ := strings.Cut(r, "=")
		asked = append(asked, name)
	}
	var limits []string
	for _, l := range strings.Split(limited, ",") {
		if name, _, _ := strings.Cut(l, "="); slices.Contains(asked, name) {
			limits = append(limits, l)
		}
	}
	slices.Sort(limits)
	return cut(strings.Join(limits, ", "), longest)
}
