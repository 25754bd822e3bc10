package record

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"banksman.dev/gitsrc"
	"banksman.dev/reconcile"
	"banksman.dev/reconcile/api/v1alpha1"
	"banksman.dev/render"
)

// keptRelease is a release that carries a word that nobody must read.
func keptRelease(word string) reconcile.Kept {
	return reconcile.Kept{
		Commit: gitsrc.SHA(strings.Repeat("b", 40)), Digest: render.Digest("digest-of-" + word),
		Content: []byte(`{"full":[{"kind":"Secret","data":{"password":"` + word + `"}}]}`),
	}
}

func (b *bench) secrets() typedv1.SecretInterface {
	return kubernetes.NewForConfigOrDie(b.config).CoreV1().Secrets(b.namespace)
}

func (b *bench) secretName() string { return keptPrefix + string(b.service()) }

func (b *bench) keep(k reconcile.Kept) {
	b.Helper()
	if err := b.store.Keep(b.Context(), b.service(), b.namespace, k); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) secret() *corev1.Secret {
	b.Helper()
	s, err := b.secrets().Get(b.Context(), b.secretName(), metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func TestWhatIsPromotedIsKeptInASecretBesideTheDelivery(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	if _, found, err := b.store.Kept(t.Context(), b.service(), b.namespace); found || err != nil {
		t.Fatalf("something is kept before anything was: %v %v", found, err)
	}
	one, two := keptRelease("one"), keptRelease("two")
	writes := b.during(func() { b.keep(one) })
	if want := []string{"PATCH /api/v1/namespaces/" + b.namespace + "/secrets/" + b.secretName()}; !slices.Equal(writes, want) {
		t.Errorf("it takes %v, want %v", writes, want)
	}
	s := b.secret()
	d, err := b.deliveries().Get(t.Context(), string(b.service()), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	owner := []metav1.OwnerReference{{APIVersion: "banksman.dev/v1alpha1", Kind: v1alpha1.Kind, Name: d.GetName(), UID: d.GetUID()}}
	switch {
	case s.Type != "banksman.dev/release", s.Labels["app.kubernetes.io/managed-by"] != "banksman",
		s.Annotations["banksman.dev/commit"] != string(one.Commit), s.Annotations["banksman.dev/digest"] != string(one.Digest),
		!slices.Equal(s.OwnerReferences, owner), bytes.Contains(s.Data["release.json.gz"], []byte("password")):
		t.Errorf("%+v", s)
	}
	got, found, err := b.open().Kept(t.Context(), b.service(), b.namespace)
	if err != nil || !found || got.Commit != one.Commit || got.Digest != one.Digest || !bytes.Equal(got.Content, one.Content) {
		t.Errorf("%+v %v %v", got, found, err)
	}
	b.keep(one)
	if again := b.secret(); again.ResourceVersion != s.ResourceVersion {
		t.Error("the same release changes the Secret")
	}
	b.keep(two)
	if got, _, err := b.store.Kept(t.Context(), b.service(), b.namespace); err != nil || !bytes.Equal(got.Content, two.Content) || got.Digest != two.Digest {
		t.Errorf("%+v %v", got, err)
	}
}

func TestASecretThatSomebodyChangedIsPutBack(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	one := keptRelease("one")
	b.keep(one)
	s := b.secret()
	s.Data[keptKey] = []byte("no gzip")
	if _, err := b.secrets().Update(t.Context(), s, metav1.UpdateOptions{FieldManager: "mallory"}); err != nil {
		t.Fatal(err)
	}
	_, _, err := b.store.Kept(t.Context(), b.service(), b.namespace)
	if !errors.Is(err, reconcile.ErrKeptDamaged) || strings.Contains(err.Error(), "no gzip") {
		t.Errorf("%v", err)
	}
	b.keep(one)
	if got, _, err := b.store.Kept(t.Context(), b.service(), b.namespace); err != nil || !bytes.Equal(got.Content, one.Content) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestASecretOfSomebodyElseIsNeitherOverwrittenNorBelieved(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: b.secretName()}, Data: map[string][]byte{keptKey: []byte("theirs")}}
	if _, err := b.secrets().Create(t.Context(), theirs, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, found, err := b.store.Kept(t.Context(), b.service(), b.namespace); found || err != nil {
		t.Errorf("it is believed: %v %v", found, err)
	}
	if err := b.store.Keep(t.Context(), b.service(), b.namespace, keptRelease("one")); !apierrors.IsInvalid(err) {
		t.Errorf("%v", err)
	}
	if s := b.secret(); string(s.Data[keptKey]) != "theirs" || s.Type != corev1.SecretTypeOpaque {
		t.Errorf("it was overwritten: %+v", s)
	}
}

func TestWhatDoesNotFitIntoASecretIsNotSent(t *testing.T) {
	b := newBench(t)
	b.save(b.store, b.record(), view)
	noise := make([]byte, mostKept+1000)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(noise) // it never fails
	k := keptRelease("one")
	k.Content = noise
	writes := b.during(func() {
		err := b.store.Keep(t.Context(), b.service(), b.namespace, k)
		if !errors.Is(err, reconcile.ErrTooLargeToKeep) || !strings.Contains(err.Error(), "split the service") {
			t.Errorf("%v", err)
		}
	})
	if len(writes) > 0 {
		t.Errorf("it sends %v", writes)
	}
	k.Content = noise[:mostKept-2000] // what just fits is taken
	b.keep(k)
}

func TestNothingIsKeptBesideADeliveryThatIsNotThere(t *testing.T) {
	b := newBench(t)
	writes := b.during(func() {
		if err := b.store.Keep(t.Context(), b.service(), b.namespace, keptRelease("one")); err == nil {
			t.Error("it is kept beside nothing")
		}
	})
	if len(writes) > 0 {
		t.Errorf("it sends %v", writes)
	}
}

func TestWhatUnpacksToTooMuchIsDamaged(t *testing.T) {
	bomb, err := pack(make([]byte, mostUnpacked+1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(bomb); err == nil {
		t.Error("it is unpacked")
	}
	for _, content := range []string{"", "{}", strings.Repeat("a b ", 1000)} {
		packed, err := pack([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unpack(packed); err != nil || string(got) != content {
			t.Errorf("%q came back as %q, %v", content, got, err)
		}
		if _, err := unpack(packed[:len(packed)-1]); err == nil {
			t.Errorf("%q is unpacked from a part of it", content)
		}
	}
}
