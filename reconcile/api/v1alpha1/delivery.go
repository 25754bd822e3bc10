package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// A Delivery is one service of a manifest repository: what runs, what waits,
// and on whom.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=deliveries,singular=delivery,shortName=dl,scope=Namespaced
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="Full",type=string,JSONPath=`.status.full.short`,description="The commit that full runs"
// +kubebuilder:printcolumn:name="Canary",type=string,JSONPath=`.status.canary.short`,description="The commit that the canary runs"
// +kubebuilder:printcolumn:name="PR",type=integer,JSONPath=`.status.canary.pull`,description="The open pull request whose content the canary runs"
// +kubebuilder:printcolumn:name="Step",type=string,JSONPath=`.status.step`,description="Where the release stands"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="Whether what runs is what the branch says, and is healthy"
// +kubebuilder:printcolumn:name="Waits on",type=string,JSONPath=`.status.waitsOn`,description="On whom it waits"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`,description="Why it stands there"
// +kubebuilder:printcolumn:name="Pods",type=string,JSONPath=`.status.full.pods`,priority=1,description="The Pods of full"
// +kubebuilder:printcolumn:name="Images",type=string,JSONPath=`.status.full.images`,priority=1,description="The images of full"
// +kubebuilder:printcolumn:name="Canary images",type=string,JSONPath=`.status.canary.images`,priority=1,description="The images of the canary"
// +kubebuilder:printcolumn:name="Next",type=string,JSONPath=`.status.next`,priority=1,description="What goes on from here"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Delivery struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What an operator says. banksman never writes it.
	// +optional
	Spec DeliverySpec `json:"spec,omitempty"`
	// What banksman knows. Only banksman may write it.
	// +optional
	Status DeliveryStatus `json:"status,omitempty"`
}

// DeliverySpec is what an operator may say of a service.
type DeliverySpec struct {
	// Write nothing for this service until this is taken back.
	// +optional
	Suspend *Suspend `json:"suspend,omitempty"`
	// A word of your choice. Each new word tries the held release once more.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Retry string `json:"retry,omitempty"`
	// Who says so.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	RetryBy string `json:"retryBy,omitempty"`
	// Why.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	RetryReason string `json:"retryReason,omitempty"`
	// The full hash of a commit. Whoever writes it answers for every change of
	// this service up to that commit, reviewed or not.
	// +kubebuilder:validation:Pattern=`^([0-9a-f]{40})?$`
	// +optional
	Acknowledge string `json:"acknowledge,omitempty"`
	// Who says so.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	AcknowledgeBy string `json:"acknowledgeBy,omitempty"`
	// Why.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	AcknowledgeReason string `json:"acknowledgeReason,omitempty"`
	// The full hash of a commit. What is on its way of it, a canary or a rollout to
	// full, is taken back and held; what is promoted comes back. It is followed
	// once. A retry takes the same content up again; remove this with it, else it
	// is aborted once more.
	// +kubebuilder:validation:Pattern=`^([0-9a-f]{40})?$`
	// +optional
	Abort string `json:"abort,omitempty"`
	// Who says so.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	AbortBy string `json:"abortBy,omitempty"`
	// Why.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	AbortReason string `json:"abortReason,omitempty"`
}

// Suspend is an order to write nothing.
type Suspend struct {
	// Why.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Reason string `json:"reason,omitempty"`
	// Who says so.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	By string `json:"by,omitempty"`
	// When the order ends by itself. Without it, it stands until it is removed.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
}

// The annotations that say who took a suspension back, and why: the order itself
// is gone then.
const (
	AnnotationResumedBy    = "banksman.dev/resumed-by"
	AnnotationResumeReason = "banksman.dev/resume-reason"
)

// The annotations of an Event of a Delivery, for programs: which transition it is
// (awaiting-approval, promoted, …) and of which release.
const (
	AnnotationEvent  = "banksman.dev/event"
	AnnotationCommit = "banksman.dev/commit"
	AnnotationDigest = "banksman.dev/digest"
	AnnotationPull   = "banksman.dev/pull" // the open pull request whose canary it is about
	AnnotationURL    = "banksman.dev/url"  // where a person looks
)

// AnnotationReconcileAt is an order to look at once: each new value, of at most 253
// characters, makes banksman fetch the branch and look at the service. The status
// names the value that was followed last.
const AnnotationReconcileAt = "banksman.dev/reconcile-at"
