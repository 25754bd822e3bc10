package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Record is what banksman must remember of a service over a restart.
type Record struct {
	// The newest commit at which the service is what is promoted.
	// +optional
	Settled string `json:"settled,omitempty"`
	// The release that completed its full stage last.
	// +optional
	Promoted *Ref `json:"promoted,omitempty"`
	// The digest of the release whose objects are kept in the Secret beside this
	// Delivery.
	// +optional
	Kept string `json:"kept,omitempty"`
	// The release whose full apply has begun and has not ended.
	// +optional
	Rolling *Ref `json:"rolling,omitempty"`
	// The steps that it was approved under.
	// +optional
	RollingRules *Rules `json:"rollingRules,omitempty"`
	// Whose content the canary runs, and how far its steps have come.
	// +optional
	CanarySlot *Slot `json:"canarySlot,omitempty"`
	// The open pull request whose turn it is to have the canary.
	// +optional
	Proposed *Ref `json:"proposed,omitempty"`
	// The contents whose canary steps passed, newest first.
	// +listType=atomic
	// +optional
	Passed []Pass `json:"passed,omitempty"`
	// The releases that may be rolled back to without a review, newest first.
	// +listType=atomic
	// +optional
	Recent []Ref `json:"recent,omitempty"`
	// The releases that are not tried again.
	// +listType=atomic
	// +optional
	Holds []Hold `json:"holds,omitempty"`
	// The catalog entry whose steps every release must take.
	// +optional
	Governing *Rules `json:"governing,omitempty"`
	// The retry word that was honoured last.
	// +optional
	RetryUsed string `json:"retryUsed,omitempty"`
	// The commit that takes the service out of the catalog: that its objects go
	// with it was approved.
	// +optional
	Leaves string `json:"leaves,omitempty"`
	// Deletions that wait for an acknowledgement, because they are many.
	// +listType=atomic
	// +optional
	Withheld []Entry `json:"withheld,omitempty"`
	// What somebody changed in the cluster and was put back.
	// +optional
	Drift *Drift `json:"drift,omitempty"`
	// Since when a rollout is paused, because the service is suspended.
	// +optional
	Frozen *metav1.Time `json:"frozen,omitempty"`
	// What was told of the service, so that nothing is told twice.
	// +optional
	Told *Told `json:"told,omitempty"`
	// The acknowledgement that the history names.
	// +optional
	AcknowledgeUsed string `json:"acknowledgeUsed,omitempty"`
	// The annotation banksman.dev/reconcile-at that was followed last.
	// +optional
	ReconciledAt string `json:"reconciledAt,omitempty"`
	// The abort that was honoured last, and the retry word that stood beside it.
	// +optional
	AbortUsed string `json:"abortUsed,omitempty"`
	// The objects that banksman applied or is about to apply.
	// +listType=atomic
	// +optional
	Inventory []Entry `json:"inventory,omitempty"`
	// How releases ended, newest first.
	// +listType=atomic
	// +optional
	History []Promotion `json:"history,omitempty"`
	// What the commit statuses say, newest first.
	// +listType=atomic
	// +optional
	Reports []Report `json:"reports,omitempty"`
}

// Slot is the canary slot.
type Slot struct {
	Ref `json:",inline"`
	// +optional
	Healthy bool `json:"healthy,omitempty"`
	// When healthy changed last.
	// +optional
	HealthSince *metav1.Time `json:"healthSince,omitempty"`
}

// Told is what was told of a service.
type Told struct {
	// How many transitions.
	// +optional
	Count int `json:"count,omitempty"`
	// The last of them.
	// +optional
	Last string `json:"last,omitempty"`
	// Where its release was said to stand last: awaiting-approval, blocked or
	// unreadable.
	// +optional
	Standing string `json:"standing,omitempty"`
	// That release, and when it was said.
	// +optional
	About *Ref `json:"about,omitempty"`
	// The release of the pull request whose review was asked for last.
	// +optional
	Review *Ref `json:"review,omitempty"`
	// Since when what is promoted is not healthy.
	// +optional
	IllSince *metav1.Time `json:"illSince,omitempty"`
	// It was said that it is not.
	// +optional
	Degraded bool `json:"degraded,omitempty"`
}

// Pass says that the canary steps of a content have passed.
type Pass struct {
	Digest string `json:"digest"`
	// +optional
	At *metav1.Time `json:"at,omitempty"`
}

// Hold keeps one release from being tried again.
type Hold struct {
	// +optional
	Commit string `json:"commit,omitempty"`
	// The open pull request whose canary failed; none for the branch's.
	// +optional
	Pull int `json:"pull,omitempty"`
	// It ran without the shared objects that it changes.
	// +optional
	Alone bool `json:"alone,omitempty"`
	// +optional
	Digest string `json:"digest,omitempty"`
	// The stage that failed.
	// +optional
	Stage string `json:"stage,omitempty"`
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
}

// Rules are a catalog entry's steps.
type Rules struct {
	// The commit that they came from; empty for the defaults.
	// +optional
	Commit string `json:"commit,omitempty"`
	// +optional
	Digest string `json:"digest,omitempty"`
	// orphan or delete.
	// +optional
	OnRemoval string `json:"onRemoval,omitempty"`
	// The pipeline's id in the catalog.
	// +optional
	Pipeline string `json:"pipeline,omitempty"`
	// The steps of the canary.
	// +listType=atomic
	// +optional
	Canary []Step `json:"canary,omitempty"`
	// The steps of full.
	// +listType=atomic
	// +optional
	Full []Step `json:"full,omitempty"`
}

// Step is one step of a pipeline.
type Step struct {
	// apply, bake or approval.
	Kind string `json:"kind"`
	// How long an apply may take.
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// How long a bake lasts.
	// +optional
	Bake *metav1.Duration `json:"bake,omitempty"`
	// Who must approve.
	// +optional
	Approval *Policy `json:"approval,omitempty"`
}

// Entry is one object of the inventory.
type Entry struct {
	// +optional
	Group   string `json:"group,omitempty"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	// +optional
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// +optional
	UID string `json:"uid,omitempty"`
	// stable or canary.
	// +optional
	Track string `json:"track,omitempty"`
	// What was applied last: a hash.
	// +optional
	Want string `json:"want,omitempty"`
	// What the API server said then that banksman owns of it: a hash.
	// +optional
	Owned string `json:"owned,omitempty"`
}

// Drift is what somebody changed in the cluster and was put back.
type Drift struct {
	// How often.
	Count int `json:"count"`
	// The objects of the last time.
	// +listType=atomic
	// +optional
	Last []string `json:"last,omitempty"`
	// +optional
	At *metav1.Time `json:"at,omitempty"`
}

// Promotion is one line of the history.
type Promotion struct {
	// +optional
	Commit string `json:"commit,omitempty"`
	// +optional
	Digest  string `json:"digest,omitempty"`
	Outcome string `json:"outcome"`
	// +optional
	Reason string `json:"reason,omitempty"`
	// Whose reviews approved it.
	// +listType=atomic
	// +optional
	Approvers []string `json:"approvers,omitempty"`
	// +optional
	At *metav1.Time `json:"at,omitempty"`
}

// Report is what the statuses of one commit say of the service.
type Report struct {
	Commit string `json:"commit"`
	// +optional
	Canary *StageReport `json:"canary,omitempty"`
	// +optional
	Approval *StageReport `json:"approval,omitempty"`
	// +optional
	Full *StageReport `json:"full,omitempty"`
	// The head of the pull request that became the commit: it says the same.
	// +optional
	Mirror string `json:"mirror,omitempty"`
}

// StageReport is what one commit status says.
type StageReport struct {
	// pending, success, failure or error.
	// +optional
	State string `json:"state,omitempty"`
	// +optional
	Description string `json:"description,omitempty"`
}

// Policy says whose reviews approve a release.
type Policy struct {
	PolicyPart `json:",inline"`
	// Further policies that must be met as well.
	// +listType=atomic
	// +optional
	Also []PolicyPart `json:"also,omitempty"`
}

// PolicyPart is one condition of a policy.
type PolicyPart struct {
	// How many approvals, of the users and teams if there are any, else of
	// anybody with write permission.
	// +optional
	Any int `json:"any,omitempty"`
	// +listType=atomic
	// +optional
	Users []string `json:"users,omitempty"`
	// +listType=atomic
	// +optional
	Teams []string `json:"teams,omitempty"`
	// Each of these must approve.
	// +listType=atomic
	// +optional
	All []string `json:"all,omitempty"`
}
