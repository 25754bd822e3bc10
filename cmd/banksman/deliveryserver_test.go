package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"banksman.dev/reconcile/api/v1alpha1"
)

// A deliveryServer is as much of an API server as the verbs need that give
// orders: it holds Deliveries, takes merge patches, and knows who asks.
type deliveryServer struct {
	mu      sync.Mutex
	objects map[string]*unstructured.Unstructured // by namespace/name
	version int
	// running: a banksman takes note of each order before the next look.
	running bool
	// races is how many patches meet a Delivery that has just changed.
	races int
	// refuses patches: 403.
	refuses bool
	// anonymous: nobody is told who asks.
	anonymous bool
}

// startDeliveryServer FILE [running] [races=N] [refuses] [anonymous] starts one
// with the Deliveries of a file and makes it the kubeconfig's cluster.
func startDeliveryServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: deliveryserver FILE [running] [races=N] [refuses] [anonymous]")
	}
	s := &deliveryServer{}
	for _, option := range args[1:] {
		switch option {
		case "running":
			s.running = true
		case "refuses":
			s.refuses = true
		case "anonymous":
			s.anonymous = true
		default:
			_, err := fmt.Sscanf(option, "races=%d", &s.races)
			ts.Check(err)
		}
	}
	ts.Check(s.load(ts.MkAbs(args[0])))
	web := httptest.NewServer(s)
	ts.Defer(web.Close)
	ts.Setenv("APISERVER", web.URL)
	file := ts.MkAbs("kubeconfig")
	ts.Check(os.WriteFile(file, []byte(kubeconfigFor(web.URL)), 0o600))
	ts.Setenv("KUBECONFIG", file)
}

func (s *deliveryServer) load(file string) error {
	found, err := deliveriesFrom(file, "")
	if err != nil {
		return err
	}
	objects, err := unstructuredOf(found)
	if err != nil {
		return err
	}
	s.objects = map[string]*unstructured.Unstructured{}
	for _, o := range objects {
		s.objects[o.GetNamespace()+"/"+o.GetName()] = o
		o.SetGeneration(max(o.GetGeneration(), 1))
		s.touch(o)
	}
	return nil
}

func unstructuredOf(all []v1alpha1.Delivery) ([]*unstructured.Unstructured, error) {
	objects := make([]*unstructured.Unstructured, len(all))
	for i := range all {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&all[i])
		if err != nil {
			return nil, err
		}
		objects[i] = &unstructured.Unstructured{Object: content}
		objects[i].SetGroupVersionKind(deliveryKind)
	}
	return objects, nil
}

func (s *deliveryServer) touch(o *unstructured.Unstructured) {
	s.version++
	o.SetResourceVersion(fmt.Sprint(s.version))
}

func (s *deliveryServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer, code := s.answer(r)
	w.WriteHeader(code)
	if code >= http.StatusBadRequest {
		_, _ = io.WriteString(w, statusOf(code))
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func statusOf(code int) string {
	switch code {
	case http.StatusConflict:
		return `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","message":"the object has been modified","code":409}`
	case http.StatusForbidden:
		return `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"deliveries.banksman.dev is forbidden: User \"carol\" cannot patch resource \"deliveries\"","code":403}`
	}
	return kubernetesStatus(code)
}

func (s *deliveryServer) answer(r *http.Request) (any, int) {
	const deliveries = "/apis/banksman.dev/v1alpha1/"
	path, isDelivery := strings.CutPrefix(r.URL.Path, deliveries)
	switch {
	case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews") && !s.anonymous:
		return map[string]any{
			"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
			"status": map[string]any{"userInfo": map[string]any{"username": "carol@example.com"}},
		}, http.StatusCreated
	case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
		return nil, http.StatusForbidden
	case !isDelivery:
		return nil, http.StatusNotFound
	}
	parts := strings.Split(path, "/") // namespaces, NAMESPACE, deliveries, NAME; or deliveries
	if parts[len(parts)-1] == "deliveries" {
		return s.list(parts), http.StatusOK
	}
	o := s.objects[parts[1]+"/"+parts[3]]
	switch {
	case o == nil:
		return nil, http.StatusNotFound
	case r.Method == http.MethodPatch:
		return s.patch(o, r)
	}
	return o.Object, http.StatusOK
}

func (s *deliveryServer) list(parts []string) any {
	items := []any{}
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		o := s.objects[name]
		if s.running {
			takeNote(o)
		}
		if len(parts) == 1 || parts[1] == o.GetNamespace() {
			items = append(items, o.Object)
		}
	}
	return map[string]any{"apiVersion": "banksman.dev/v1alpha1", "kind": "DeliveryList", "metadata": map[string]any{}, "items": items}
}

// takeNote is what a banksman does that decides with the newest orders.
func takeNote(o *unstructured.Unstructured) {
	status, _, _ := unstructured.NestedMap(o.Object, "status")
	if status == nil {
		status = map[string]any{}
	}
	if at := o.GetAnnotations()[v1alpha1.AnnotationReconcileAt]; at != "" {
		status["reconciledAt"] = at
		o.Object["status"] = status
	}
	if seen, _ := status["observedGeneration"].(int64); seen == o.GetGeneration() {
		return
	}
	_, suspended, _ := unstructured.NestedMap(o.Object, "spec", "suspend")
	abort, _, _ := unstructured.NestedString(o.Object, "spec", "abort")
	promoted, _, _ := unstructured.NestedString(status, "promoted", "commit")
	switch {
	case suspended:
		status["step"], status["reason"] = "Suspended", "suspended by an operator"
	case abort != "" && abort != promoted:
		status["step"], status["reason"] = "Held", abort[:7]+" is held: aborted by an operator"
		status["abortUsed"] = abort + " "
		status["holds"] = []any{map[string]any{"commit": abort, "digest": "d2", "reason": "aborted by an operator"}}
		delete(status, "rolling")
	case status["step"] == "Suspended", status["step"] == "Held":
		status["step"], status["reason"] = "Canary", "the canary is rolling out"
	}
	status["observedGeneration"] = o.GetGeneration()
	o.Object["status"] = status
}

func (s *deliveryServer) patch(o *unstructured.Unstructured, r *http.Request) (any, int) {
	var change map[string]any
	content, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(content, &change) != nil || r.Header.Get("Content-Type") != "application/merge-patch+json" ||
		r.URL.Query().Get("fieldManager") != orderOwner {
		return nil, http.StatusInternalServerError
	}
	if s.refuses {
		return nil, http.StatusForbidden
	}
	if s.races > 0 {
		s.races--
		s.touch(o)
	}
	if version, _, _ := unstructured.NestedString(change, "metadata", "resourceVersion"); version != o.GetResourceVersion() {
		return nil, http.StatusConflict
	}
	before := runtime.DeepCopyJSON(o.Object)
	merge(o.Object, change)
	if !reflect.DeepEqual(before["spec"], o.Object["spec"]) {
		o.SetGeneration(o.GetGeneration() + 1)
	}
	s.touch(o)
	return o.Object, http.StatusOK
}

// merge is RFC 7386.
func merge(into, change map[string]any) {
	for key, value := range change {
		inner, isMap := value.(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap:
			there, ok := into[key].(map[string]any)
			if !ok {
				there = map[string]any{}
			}
			merge(there, inner)
			into[key] = there
		default:
			into[key] = value
		}
	}
}

// takeHead FOLDER makes $HEAD the commit that the clone is at, $SHORT its first
// seven digits.
func takeHead(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: head FOLDER")
	}
	ts.Check(ts.Exec("git", "-C", args[0], "rev-parse", "HEAD"))
	head := strings.TrimSpace(ts.ReadFile("stdout"))
	ts.Setenv("HEAD", head)
	ts.Setenv("SHORT", head[:7])
}
