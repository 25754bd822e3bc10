package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// The types of a Delivery's conditions.
const (
	ConditionReady       = "Ready"
	ConditionReconciling = "Reconciling"
	ConditionStalled     = "Stalled"
)

// DeliveryStatus is where a service stands, for people, and what banksman must
// remember of it over a restart.
type DeliveryStatus struct {
	// The generation of the spec that was decided on last.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// The branch's head that was decided on last.
	// +optional
	ObservedCommit string `json:"observedCommit,omitempty"`
	// Ready, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	Shown  `json:",inline"`
	Record `json:",inline"`
}

// Shown is what a person is shown. It is never read back.
type Shown struct {
	// Where the release stands.
	// +optional
	Step string `json:"step,omitempty"`
	// Why, in a sentence.
	// +optional
	Reason string `json:"reason,omitempty"`
	// On whom or what it waits.
	// +listType=atomic
	// +optional
	Waits []string `json:"waits,omitempty"`
	// Waits in one line.
	// +optional
	WaitsOn string `json:"waitsOn,omitempty"`
	// The command or act that goes on from here.
	// +optional
	Next string `json:"next,omitempty"`
	// The open pull requests that change the service, and where each stands.
	// +listType=atomic
	// +optional
	Pulls []string `json:"pulls,omitempty"`
	// The release at the branch's head.
	// +optional
	Head *Ref `json:"head,omitempty"`
	// What the cluster holds of the full variant.
	// +optional
	Full *Live `json:"full,omitempty"`
	// What the cluster holds of the canary.
	// +optional
	Canary *Live `json:"canary,omitempty"`
}

// Live is what the cluster holds of one variant.
type Live struct {
	// The commit, and its first seven digits.
	// +optional
	Commit string `json:"commit,omitempty"`
	// +optional
	Short string `json:"short,omitempty"`
	// The digest of the release.
	// +optional
	Digest string `json:"digest,omitempty"`
	// When the release got this place.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// missing, progressing, healthy or failed.
	// +optional
	Health string `json:"health,omitempty"`
	// Why it is not healthy.
	// +optional
	Message string `json:"message,omitempty"`
	// The images of the Pod templates.
	// +listType=atomic
	// +optional
	Images []string `json:"images,omitempty"`
	// How many Pods are ready.
	// +optional
	Pods string `json:"pods,omitempty"`
	// The open pull request whose content it is; none for the branch's.
	// +optional
	Pull int `json:"pull,omitempty"`
}

// Ref names a release.
type Ref struct {
	// The commit that introduced it.
	// +optional
	Commit string `json:"commit,omitempty"`
	// The digest of its objects.
	// +optional
	Digest string `json:"digest,omitempty"`
	// When it got the place that it has here.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// The open pull request whose content it is; none for the branch's.
	// +optional
	Pull int `json:"pull,omitempty"`
}
