package record

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

func TestAnOutageIsSaidOnceAndAgainAfterItWasOver(t *testing.T) {
	var said bytes.Buffer
	o := &outage{log: slog.New(slog.NewTextHandler(&said, nil))}
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after time.Duration
		err   error
		lines int
	}{
		{0, errors.New("too old resource version"), 0},
		{0, refused, 1},
		{30 * time.Second, refused, 1},
		{2 * time.Minute, refused, 1},
		{10 * time.Minute, refused, 2},
	} {
		o.failed(c.err, noon.Add(c.after))
		if got := strings.Count(said.String(), "cannot be reached"); got != c.lines {
			t.Errorf("after %s: said %d times, want %d", c.after, got, c.lines)
		}
	}
}
