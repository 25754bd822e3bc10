package record

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// An API server that allows nothing and knows no Deliveries.
func TestInstallNamesTheMissingRightAndTheWayOut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
			Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden,
			Message: `User "nobody" cannot patch resource "customresourcedefinitions"`,
		}
		if r.Method == http.MethodGet {
			status.Reason, status.Code, status.Message = metav1.StatusReasonNotFound, http.StatusNotFound, "not found"
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Code))
		if err := json.NewEncoder(w).Encode(status); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	err := Install(t.Context(), &rest.Config{Host: server.URL})
	if !errors.Is(err, ErrNotAllowed) {
		t.Fatalf("%v", err)
	}
	for _, words := range []string{"create customresourcedefinitions", "banksman crd | kubectl apply", `User "nobody"`} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q is not in: %v", words, err)
		}
	}
}
