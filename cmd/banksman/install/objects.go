package install

import (
	"fmt"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"banksman.dev/reconcile/api/v1alpha1"
)

// Objects are what an installed banksman consists of, in the order in which
// they can be created. Secrets are not among them: what they hold is nobody's
// but the administrator's. The same options give the same objects.
func Objects(o Options) ([]*unstructured.Unstructured, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	definition, err := deliveries()
	if err != nil {
		return nil, err
	}
	typed := append([]runtime.Object{o.account()}, o.roles()...)
	typed = append(typed, o.configuration(), o.service(), o.disruptions(), o.traffic(), o.deployment())
	namespace, err := plainly(o.namespace())
	if err != nil {
		return nil, err
	}
	all := []*unstructured.Unstructured{namespace, definition}
	for _, t := range typed {
		u, err := plainly(t)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	for _, u := range all {
		u.SetLabels(joined(u.GetLabels(), o.labels()))
	}
	return all, nil
}

// plainly leaves out what typed objects say of no use: no status, no creation time.
func plainly(t runtime.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(t)
	if err != nil {
		return nil, fmt.Errorf("write the manifest of %s: %w", t.GetObjectKind().GroupVersionKind().Kind, err)
	}
	withoutEmpty(content)
	delete(content, "status")
	return &unstructured.Unstructured{Object: content}, nil
}

// withoutEmpty drops null values and the empty spec of a Namespace, which
// server-side apply would own for nothing.
func withoutEmpty(m map[string]any) {
	for key, value := range m {
		switch v := value.(type) {
		case nil:
			delete(m, key)
		case map[string]any:
			withoutEmpty(v)
			if key == "spec" && len(v) == 0 {
				delete(m, key)
			}
		case []any:
			for _, item := range v {
				if inner, ok := item.(map[string]any); ok {
					withoutEmpty(inner)
				}
			}
		}
	}
}

// deliveries is the definition of Deliveries.
func deliveries() (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(v1alpha1.CRD(), &u.Object); err != nil {
		return nil, fmt.Errorf("read the embedded Delivery definition: %w", err)
	}
	return u, nil
}

func joined(maps ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for key, value := range m {
			all[key] = value
		}
	}
	return all
}

// namespace admits no Pod that Pod Security calls less than restricted.
func (o Options) namespace() *core.Namespace {
	return &core.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: o.Namespace, Labels: map[string]string{
			"pod-security.kubernetes.io/enforce": "restricted",
			"pod-security.kubernetes.io/audit":   "restricted",
			"pod-security.kubernetes.io/warn":    "restricted",
		}},
	}
}

func (o Options) account() *core.ServiceAccount {
	return &core.ServiceAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta: o.named(),
	}
}

// configuration changes in place: a running banksman reads it anew.
func (o Options) configuration() *core.ConfigMap {
	return &core.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: o.named(),
		Data:       map[string]string{ConfigKey: string(o.Configuration)},
	}
}

// named is the metadata of everything that is simply banksman's.
func (o Options) named() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.Namespace, Name: Name}
}
