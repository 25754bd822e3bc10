package install

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Options are what the manifests depend on.
type Options struct {
	// Namespace is where banksman runs.
	Namespace string
	// Image is the container image, with its tag or digest.
	Image string
	// Version of banksman, for the label app.kubernetes.io/version; "" for none.
	Version string
	// Replicas: one of them writes, the others wait for its lease.
	Replicas int32
	// Configuration is the configuration file, byte for byte.
	Configuration []byte
	// Scopes are what the repositories of the configuration may touch.
	Scopes []Scope
	// GrantAccounts: write the Roles of the accounts that repositories act as,
	// too. Without it they are their owners' to give.
	GrantAccounts bool
	// Notifies: the configuration has notification targets, whose Secret is mounted.
	Notifies bool
	// EgressPorts are TCP ports of servers that the configuration names, beside
	// 443 and 6443.
	EgressPorts []int32
	// MoreEgressPorts are those that somebody asked for: what is known of no server.
	MoreEgressPorts []int32
}

// Names of the objects. They are the same in each installation: there is one in
// a namespace.
const (
	Name          = "banksman"
	GitHubSecret  = "banksman-github"
	NotifySecret  = "banksman-notify"
	FieldOwner    = "banksman-install"
	ConfigKey     = "banksman.yaml"
	TokenKey      = "token"
	PrivateKeyKey = "private-key.pem"
)

// Where the container finds what is mounted.
const (
	ConfigPath = "/etc/banksman/config"
	GitHubPath = "/etc/banksman/github"
	NotifyPath = "/etc/banksman/notify"
	DataPath   = "/var/lib/banksman"
)

// The labels of every object.
const (
	LabelName      = "app.kubernetes.io/name"
	LabelInstance  = "app.kubernetes.io/instance"
	LabelPartOf    = "app.kubernetes.io/part-of"
	LabelComponent = "app.kubernetes.io/component"
	LabelVersion   = "app.kubernetes.io/version"
)

// notInLabels is what a label's value cannot hold.
var notInLabels = regexp.MustCompile(`[^-A-Za-z0-9_.]`)

// selector finds the Pods of this installation.
func (o Options) selector() map[string]string {
	return map[string]string{LabelName: Name, LabelInstance: o.Namespace}
}

// labels are those of every object.
func (o Options) labels() map[string]string {
	return joined(o.selector(), map[string]string{LabelPartOf: Name, LabelComponent: "controller"})
}

// versioned are the labels of what runs that version. The other objects do not
// change with it.
func (o Options) versioned() map[string]string {
	labels := o.labels()
	v := notInLabels.ReplaceAllString(o.Version, "-")
	if v = strings.Trim(v[:min(len(v), longestLabel)], "-_."); v != "" {
		labels[LabelVersion] = v
	}
	return labels
}

// longestLabel is what the API server takes.
const longestLabel = 63

func (o Options) check() error {
	switch {
	case o.Namespace == "":
		return errors.New("the manifests need a namespace")
	case o.Image == "":
		return errors.New("the manifests need an image")
	case o.Replicas < 1:
		return fmt.Errorf("%d replicas: want at least 1", o.Replicas)
	case len(o.Scopes) == 0:
		return errors.New("the configuration names no repository")
	}
	return nil
}
