package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterFlags are kubectl's flags for reaching a cluster, with kubectl's
// rules for finding one.
type clusterFlags struct{ *genericclioptions.ConfigFlags }

// seldomFlags work as kubectl's do and are left out of the help.
var seldomFlags = []string{
	"as-group", "as-uid", "as-user-extra", "certificate-authority", "client-certificate", "client-key", "cluster",
	"disable-compression", "insecure-skip-tls-verify", "proxy-url", "request-timeout", "server", "tls-server-name", "user",
}

func newClusterFlags(flags *pflag.FlagSet, namespace string) *clusterFlags {
	c := &clusterFlags{genericclioptions.NewConfigFlags(true)}
	c.CacheDir = nil    // nothing is cached on disk
	c.BearerToken = nil // its --token would be taken for GitHub's
	c.AddFlags(flags)
	flags.Lookup("kubeconfig").Usage = "kubeconfig `file` (else $KUBECONFIG, ~/.kube/config, or the Pod's own account)"
	flags.Lookup("context").Usage = "kubeconfig `context` to use; kubectl's other connection flags work too"
	flags.Lookup("namespace").Usage = "`namespace` " + namespace
	flags.Lookup("as").Usage = "`user` to act as"
	for _, name := range seldomFlags {
		flags.Lookup(name).Hidden = true
	}
	return c
}

// rest is the configuration of the cluster's clients.
func (c *clusterFlags) rest() (*rest.Config, error) {
	cfg, err := c.ToRESTConfig()
	if err != nil {
		return nil, c.explainConfig(err)
	}
	if c.namesNoCluster(cfg) {
		return nil, failed(errors.New("no cluster is configured: neither --kubeconfig, $KUBECONFIG nor ~/.kube/config names one"), tryContexts)
	}
	cfg.UserAgent = userAgent()
	cfg.QPS = -1 // the API server's own fairness is enough
	return cfg, nil
}

// namesNoCluster: client-go has fallen back to its default of old, port 8080
// of this machine.
func (c *clusterFlags) namesNoCluster(cfg *rest.Config) bool {
	raw, err := c.ToRawKubeConfigLoader().RawConfig()
	return err == nil && len(raw.Clusters) == 0 && *c.APIServer == "" && cfg.Host == clientcmd.ClusterDefaults.Server
}

const tryContexts = "see kubectl config get-contexts; choose with --kubeconfig and --context"

// namespaceFlag is -n as given, else "".
func (c *clusterFlags) namespaceFlag() string { return *c.Namespace }

// namespace is -n, else the context's.
func (c *clusterFlags) namespace() (string, error) {
	ns, _, err := c.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", c.explainConfig(err)
	}
	return ns, nil
}

// explainConfig is for a kubeconfig that says nothing usable.
func (c *clusterFlags) explainConfig(err error) error {
	where := "the kubeconfig"
	if *c.KubeConfig != "" {
		where = "kubeconfig " + *c.KubeConfig
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && *c.KubeConfig != "":
		return failed(fmt.Errorf("%s does not exist", where), tryContexts)
	case clientcmd.IsEmptyConfig(err):
		return failed(fmt.Errorf("%s names no cluster", where), tryContexts)
	case clientcmd.IsContextNotFound(err):
		return failed(fmt.Errorf("%s has no context %q", where, *c.Context), tryContexts)
	}
	return failed(fmt.Errorf("cannot use %s: %w", where, err), tryContexts)
}

// A trouble is why the API server gave no answer to work with.
type trouble int

const (
	troubleOther trouble = iota
	troubleUnreachable
	troubleNotReady     // it answers, and is not up yet
	troubleCertificate  // it cannot prove who it is
	troubleCredentials  // it does not know us: 401
	troubleForbidden    // it knows us, and we may not: 403
	troubleNoDeliveries // it does not know the kind
)

func troubleOf(err error) trouble {
	var wrongCertificate *tls.CertificateVerificationError
	var network *url.Error
	switch {
	case apierrors.IsUnauthorized(err):
		return troubleCredentials
	case apierrors.IsForbidden(err):
		return troubleForbidden
	case apierrors.IsNotFound(err):
		return troubleNoDeliveries
	case apierrors.IsServiceUnavailable(err), apierrors.IsTooManyRequests(err), apierrors.IsTimeout(err),
		apierrors.IsServerTimeout(err), apierrors.IsInternalError(err), apierrors.IsConflict(err), isServersFault(err):
		return troubleNotReady
	case errors.As(err, &wrongCertificate):
		return troubleCertificate
	case errors.As(err, &network) && !errors.Is(err, context.Canceled):
		return troubleUnreachable
	}
	return troubleOther
}

// isServersFault: a status of 500 and above, whatever reason it gives.
func isServersFault(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= http.StatusInternalServerError
}

// explainCluster says what is wrong between us and the API server.
func explainCluster(host string, err error) error {
	if err == nil || errors.As(err, new(*failure)) {
		return err
	}
	switch troubleOf(err) {
	case troubleUnreachable:
		return failed(fmt.Errorf("cannot reach the API server at %s: %w", host, cause(err)), "kubectl cluster-info")
	case troubleNotReady:
		return failed(fmt.Errorf("the API server at %s is not ready: %w", host, err), "kubectl get --raw '/readyz?verbose'")
	case troubleCertificate:
		return failed(fmt.Errorf("the API server at %s cannot be trusted: %w", host, cause(err)),
			"is the kubeconfig of another cluster? kubectl config view --minify")
	case troubleCredentials:
		return failed(fmt.Errorf("the API server at %s does not accept these credentials (401)", host),
			"log in to the cluster again; kubectl auth whoami")
	case troubleForbidden:
		return failed(fmt.Errorf("the API server at %s refuses it: %w", host, err), "kubectl auth can-i --list")
	case troubleNoDeliveries:
		return failed(fmt.Errorf("the cluster at %s does not know Deliveries yet", host),
			"banksman run installs the CustomResourceDefinition at its start; or, as an administrator:\nbanksman crd | kubectl apply --server-side -f -")
	case troubleOther:
	}
	return fmt.Errorf("the API server at %s: %w", host, err)
}

// cause leaves out the request and the addresses that met the error; they tell
// a person nothing.
func cause(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	var op *net.OpError
	if !errors.As(u.Err, &op) || op.Timeout() {
		return u.Err
	}
	inner := op.Err
	for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(inner) {
		inner = next
	}
	return inner
}
