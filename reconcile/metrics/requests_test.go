package metrics

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestARequestIsNamedInKubernetesWords(t *testing.T) {
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/api/v1/namespaces/a/configmaps/b", "get configmaps"},
		{"GET", "/api/v1/namespaces/a/configmaps", "list configmaps"},
		{"GET", "/api/v1/configmaps?watch=true&resourceVersion=7", "watch configmaps"},
		{"GET", "/apis/apps/v1/deployments?watch=false", "list deployments"},
		{"GET", "/api/v1/namespaces", "list namespaces"},
		{"GET", "/api/v1/namespaces/a", "get namespaces"},
		{"PUT", "/api/v1/namespaces/a/finalize", "update namespaces/finalize"},
		{"GET", "/api/v1/namespaces/status", "get namespaces"},
		{"POST", "/api/v1/namespaces/a/events", "create events"},
		{"PATCH", "/apis/apps/v1/namespaces/a/deployments/b", "patch deployments"},
		{"PUT", "/apis/banksman.dev/v1alpha1/namespaces/a/deliveries/b/status", "update deliveries/status"},
		{"DELETE", "/api/v1/namespaces/a/pods/b", "delete pods"},
		{"DELETE", "/api/v1/namespaces/a/pods", "deletecollection pods"},
		{"GET", "/version", "get "},
		{"GET", "/apis", "get "},
		{"GET", "/apis/apps/v1", "get "},
		{"GET", "/api/v1", "get "},
		{"GET", "/", "get "},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			verb, resource := asked(request(t, c.method, "https://k"+c.path))
			if got := verb + " " + resource; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestAWatchHasNoDuration(t *testing.T) {
	m := New(Build{}, newClock().now)
	send(t, m.API(answers(200, nil, nil)), request(t, http.MethodGet, "https://k/api/v1/pods?watch=1"))
	send(t, m.API(answers(0, nil, errEffect)), request(t, http.MethodGet, "https://k/api/v1/pods"))
	text := scrape(t, m)
	if got := strings.Join(has(text, "banksman_api_request_duration_seconds_count"), "\n"); got != `banksman_api_request_duration_seconds_count{verb="list"} 1` {
		t.Error(got)
	}
	if got := len(has(text, "banksman_api_requests_total")); got != 2 {
		t.Errorf("%d requests", got)
	}
}

// The kinds that are asked for are the repositories' choice, the numbers of them ours.
func TestHoweverManyKindsThereAreTheNumbersStayFew(t *testing.T) {
	m := New(Build{}, newClock().now)
	for n := range 10 * mostResources {
		send(t, m.API(answers(200, nil, nil)), request(t, http.MethodGet, fmt.Sprintf("https://k/apis/example.com/v1/kind%ds", n)))
	}
	text := scrape(t, m)
	if got := len(has(text, "banksman_api_requests_total")); got != mostResources+1 {
		t.Errorf("%d series", got)
	}
	if !strings.Contains(text, fmt.Sprintf(`banksman_api_requests_total{code="200",resource="other",verb="list"} %d`, 9*mostResources)) {
		t.Error("the others are not counted")
	}
}
