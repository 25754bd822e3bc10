package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// A tailing follows the logs of several containers at once.
type tailing struct {
	*program
	clients
	flags logFlags
	all   sync.WaitGroup
	// broken is why nothing can be printed any more.
	broken chan error

	mu      sync.Mutex
	begun   bool // the first containers were begun
	running map[logSource]bool
	noted   map[string]bool
}

func newTailing(p *program, c clients, f logFlags) *tailing {
	return &tailing{program: p, clients: c, flags: f, broken: make(chan error, 1), running: map[logSource]bool{}, noted: map[string]bool{}}
}

// begin follows the containers that are not followed yet. One that has not started
// is tried again.
func (t *tailing) begin(ctx context.Context, sources []logSource) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range sources {
		if t.running[s] {
			continue
		}
		t.running[s] = true
		o := t.flags.options(s)
		if t.begun {
			o.TailLines, o.SinceSeconds = nil, nil // all that it wrote is new
		}
		t.all.Go(func() { t.ended(s, t.copy(ctx, s, o)) })
	}
	t.begun = true
}

// ended takes why a container is not followed any more.
func (t *tailing) ended(s logSource, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil, errors.Is(err, context.Canceled):
	case apierrors.IsBadRequest(err): // it waits to start, or its image cannot be pulled
		delete(t.running, s)
	case !t.noted[s.prefix+err.Error()]:
		t.noted[s.prefix+err.Error()] = true
		if err := t.note("banksman: " + s.prefix + oneLine(err.Error())); err != nil {
			t.fail(err)
		}
	}
}

func (t *tailing) fail(err error) {
	select {
	case t.broken <- err:
	default: // it fails already
	}
}

// longestLine is in how many bytes a line is printed at most; what is longer is
// printed in pieces.
const longestLine = 64 << 10

// copy prints what one container writes, line by line.
func (t *tailing) copy(ctx context.Context, s logSource, o *core.PodLogOptions) error {
	stream, err := t.clients.logs(ctx, s.namespace, s.pod, o)
	if err != nil {
		return err
	}
	defer stream.Close() //nolint:errcheck // it was only read
	prefix := t.screen().paint.in(dim, s.prefix)
	lines := bufio.NewReaderSize(stream, longestLine)
	for {
		line, err := lines.ReadSlice('\n')
		if len(line) > 0 {
			if err := t.line(prefix, line); err != nil {
				t.fail(err)
				return nil
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return err
		}
	}
}

// explain is for logs that cannot be read at all. The API server has just shown the
// Pods: where it answers with a server's fault now, it is that of the kubelet, which
// it asks for a container's log.
func (t *tailing) explain(s logSource, err error) error {
	if troubleOf(err) != troubleNotReady {
		return explainCluster(t.host, err)
	}
	return failed(fmt.Errorf("no log can be read: the API server gets none from the kubelet of the Pod's node: %w", err),
		"kubectl get nodes; kubectl -n "+s.namespace+" describe pod "+s.pod+" says on which it is")
}

// line prints one, whole.
func (t *tailing) line(prefix string, line []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := prefix + string(line)
	if line[len(line)-1] != '\n' {
		text += "\n"
	}
	_, err := io.WriteString(t.streams.Out, text)
	return err
}
