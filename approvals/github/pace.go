package github

import (
	"net/url"
	"strings"
	"sync"
	"time"
)

// pace keeps the own writes below github.com's limits for creating content.
// Beyond them it refuses with a pause for everything, and then no approval could
// be read either. Whether it counts statuses as content is not documented.
//
// The limits are those of an account: what others post with the same one counts,
// too, and is not seen here. limit obeys what GitHub says then.
// Source: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api,
// "About secondary rate limits".
type pace struct {
	now func() time.Time

	mu   sync.Mutex
	sent []time.Time // within the last hour, the oldest first; at most mostAnHour
}

const (
	mostAMinute = 80
	mostAnHour  = 500
)

// newPace is nil for a GitHub Enterprise server: there these limits are off
// unless its administrator sets them, and then they are others.
func newPace(api *url.URL) *pace {
	if host := api.Hostname(); host != "api.github.com" && !strings.HasSuffix(host, ".ghe.com") {
		return nil
	}
	return &pace{now: time.Now}
}

// take counts one more write, or says how long to wait before it.
func (p *pace) take() time.Duration {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for len(p.sent) > 0 && now.Sub(p.sent[0]) >= time.Hour {
		p.sent = p.sent[1:]
	}
	if wait := max(p.full(now, mostAMinute, time.Minute), p.full(now, mostAnHour, time.Hour)); wait > 0 {
		return wait
	}
	p.sent = append(p.sent, now)
	return 0
}

// full is how long until fewer than most were sent within the span.
func (p *pace) full(now time.Time, most int, span time.Duration) time.Duration {
	if len(p.sent) < most {
		return 0
	}
	return max(p.sent[len(p.sent)-most].Add(span).Sub(now), 0)
}
