package cluster

import "net/http"

// mostRequests is how many requests are on their way at a time, watches apart.
// It is below the number of streams that an API server allows on one HTTP/2
// connection (100 by default), so that all of them share one.
const mostRequests = 64

// A gate lets so many requests through at a time, however many services are
// applied at once. The API server is kept busy, and not flooded.
type gate struct {
	next  http.RoundTripper
	slots chan struct{}
}

func newGate(next http.RoundTripper) http.RoundTripper {
	return &gate{next: next, slots: make(chan struct{}, mostRequests)}
}

// RoundTrip counts a request until its answer begins.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Query().Get("watch") != "" {
		return g.next.RoundTrip(r)
	}
	select {
	case g.slots <- struct{}{}:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() { <-g.slots }()
	return g.next.RoundTrip(r)
}

// WrappedRoundTripper lets client-go find the transport.
func (g *gate) WrappedRoundTripper() http.RoundTripper { return g.next }
