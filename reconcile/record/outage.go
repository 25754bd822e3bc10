package record

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// An outage says once that the API server cannot be reached, instead of at each
// of a watch's attempts. A watch tries again at least every half minute, so
// that a longer silence means it was reached in between.
type outage struct {
	log *slog.Logger

	mu   sync.Mutex
	last time.Time
}

const outageIsOver = 2 * time.Minute

func (o *outage) failed(err error, now time.Time) {
	var network net.Error
	if !errors.As(err, &network) {
		return // an answer, though not the one that was hoped for
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.last) > outageIsOver {
		o.log.Warn("the API server cannot be reached; what runs is left as it is, and it is tried again", "error", err)
	}
	o.last = now
}
