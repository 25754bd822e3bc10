package cluster

import (
	"context"
	"log/slog"
	"sync"
)

// warnings logs what the API server warns of, each text once: mostly versions
// that will not be served much longer.
type warnings struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool
}

// warnCode is the code of a Warning header that Kubernetes sends (RFC 7234, 5.5.7).
const warnCode = 299

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if code != warnCode || text == "" || w.said[text] {
		return
	}
	w.said[text] = true
	w.log.Warn("the API server warns", "warning", text)
}
