package record

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

// The Secret beside a Delivery. Its type cannot be changed once it is there, so
// that a Secret of somebody else's with the same name is never overwritten.
const (
	keptPrefix = "banksman.dev-"
	keptType   = "banksman.dev/release"
	keptKey    = "release.json.gz"
	keptCommit = "banksman.dev/commit"
	keptDigest = "banksman.dev/digest"

	mostKept     = corev1.MaxSecretSize // as it is stored
	mostUnpacked = 64 << 20
)

var secrets = corev1.SchemeGroupVersion.WithResource("secrets")

// Keep writes a release into the Secret beside the service's Delivery, which goes
// when the Delivery goes. It is one request; the same release changes nothing.
func (s *Store) Keep(ctx context.Context, name render.ServiceName, namespace string, k reconcile.Kept) error {
	where := "Secret " + namespace + "/" + keptPrefix + string(name)
	packed, err := pack(k.Content)
	if err != nil {
		return fmt.Errorf("write %s: %w", where, err)
	}
	if len(packed) > mostKept || len(k.Content) > mostUnpacked {
		return fmt.Errorf("write %s: %w: %d bytes packed, of %d that a Secret holds; split the service", where, reconcile.ErrTooLargeToKeep, len(packed), mostKept)
	}
	s.mu.Lock()
	d := s.newest[key{namespace, string(name)}]
	s.mu.Unlock()
	if d == nil {
		return fmt.Errorf("write %s: there is no Delivery %s/%s", where, namespace, name)
	}
	_, err = s.secrets(namespace).Apply(ctx, keptPrefix+string(name), s.secretOf(d, k, packed), metav1.ApplyOptions{FieldManager: owner, Force: true})
	if err != nil {
		return fmt.Errorf("write %s: %w", where, err)
	}
	return nil
}

// Kept reads what was kept of a service, and whether anything is.
func (s *Store) Kept(ctx context.Context, name render.ServiceName, namespace string) (reconcile.Kept, bool, error) {
	u, err := s.secrets(namespace).Get(ctx, keptPrefix+string(name), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return reconcile.Kept{}, false, nil
	case err != nil:
		return reconcile.Kept{}, false, fmt.Errorf("read Secret %s/%s%s: %w", namespace, keptPrefix, name, err)
	}
	if kind, _, _ := unstructured.NestedString(u.Object, "type"); kind != keptType {
		return reconcile.Kept{}, false, nil // somebody else's
	}
	k := reconcile.Kept{Commit: gitsrc.SHA(u.GetAnnotations()[keptCommit]), Digest: render.Digest(u.GetAnnotations()[keptDigest])}
	text, _, _ := unstructured.NestedString(u.Object, "data", keptKey)
	packed, err := base64.StdEncoding.DecodeString(text)
	if err == nil {
		k.Content, err = unpack(packed)
	}
	if err != nil {
		return reconcile.Kept{}, false, fmt.Errorf("read Secret %s/%s%s: %w: %w", namespace, keptPrefix, name, reconcile.ErrKeptDamaged, err)
	}
	return k, true, nil
}

func (s *Store) secrets(namespace string) dynamic.ResourceInterface {
	return s.client.Resource(secrets).Namespace(namespace)
}

func (s *Store) secretOf(d *v1alpha1.Delivery, k reconcile.Kept, packed []byte) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{
		"type": keptType,
		"data": map[string]any{keptKey: base64.StdEncoding.EncodeToString(packed)},
	}}
	u.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	u.SetNamespace(d.Namespace)
	u.SetName(keptPrefix + d.Name)
	u.SetLabels(s.labels())
	u.SetAnnotations(map[string]string{keptCommit: string(k.Commit), keptDigest: string(k.Digest)})
	u.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1alpha1.Version.String(), Kind: v1alpha1.Kind, Name: d.Name, UID: d.UID,
	}})
	return u
}

// pack gives the same bytes for the same content: no name, no time.
func pack(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, mostUnpacked+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > mostUnpacked:
		return nil, fmt.Errorf("it unpacks to more than %d bytes", mostUnpacked)
	}
	return content, nil
}
