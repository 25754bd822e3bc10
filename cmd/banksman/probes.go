package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// probes answer whether the process lives, and whether it can do its part: as
// the one that writes, or as one that waits. Their methods may be called from
// several goroutines.
type probes struct {
	// pages are answered beside the probes: "GET /metrics". They are set before serve.
	pages map[string]http.Handler

	mu    sync.Mutex
	alive func() error
	ready func() (string, error)
}

// standBy is ready while the lease is seen.
func (p *probes) standBy(seen func() (holder string, recent bool)) {
	p.set(nil, func() (string, error) {
		holder, recent := seen()
		if !recent {
			return "", errors.New("the lease was not seen lately")
		}
		return "waits for the lease: " + orDash(holder) + " holds it", nil
	})
}

// lead is ready when all services have been looked at, while writing is allowed.
func (p *probes) lead(holds func() bool, looked, alive func() error) {
	p.set(alive, func() (string, error) {
		if err := looked(); err != nil {
			return "", err
		}
		if !holds() {
			return "", errors.New("the lease could not be renewed")
		}
		return "reconciles", nil
	})
}

func (p *probes) set(alive func() error, ready func() (string, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive, p.ready = alive, ready
}

func (p *probes) isAlive() (string, error) {
	p.mu.Lock()
	alive := p.alive
	p.mu.Unlock()
	if alive == nil {
		return "lives", nil
	}
	return "lives", alive()
}

func (p *probes) isReady() (string, error) {
	p.mu.Lock()
	ready := p.ready
	p.mu.Unlock()
	if ready == nil {
		return "", errors.New("it is starting")
	}
	return ready()
}

// serve answers /healthz and /readyz on the address until stop; "" is nowhere.
func (p *probes) serve(ctx context.Context, address string, logger *slog.Logger) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, failed(fmt.Errorf("cannot listen on --listen %s: %w", address, cause(err)), "choose another address; 127.0.0.1:0 takes any free port")
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", answering(p.isAlive))
	routes.HandleFunc("GET /readyz", answering(p.isReady))
	for pattern, page := range p.pages {
		routes.Handle(pattern, page)
	}
	server := &http.Server{
		Handler:           routes,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.With("from", "probes").Handler(), slog.LevelDebug),
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the probes are not answered any more", "error", err)
		}
	})
	logger.Info("answers /healthz and /readyz", "address", listener.Addr().String())
	return func() {
		_ = server.Close() // an answer is one line: nothing worth waiting for
		serving.Wait()
	}, nil
}

func answering(ask func() (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		text, err := ask()
		if err != nil {
			text = err.Error()
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, text+"\n") // who asked may be gone
	}
}

// A pulse is felt when the loop asks for the time, which it does each time it
// comes round, and whenever it thinks.
type pulse struct {
	now    func() time.Time
	within time.Duration

	mu   sync.Mutex
	last time.Time
}

// leastPulse leaves a slow machine time.
const leastPulse = 5 * time.Minute

// newPulse: the loop comes round at every interval at least.
func newPulse(now func() time.Time, interval time.Duration) *pulse {
	return &pulse{now: now, within: max(leastPulse, 10*interval), last: now()}
}

// beat is the time.
func (p *pulse) beat() time.Time {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = now
	return now
}

// felt fails when the loop hangs.
func (p *pulse) felt() error {
	p.mu.Lock()
	last := p.last
	p.mu.Unlock()
	if since := p.now().Sub(last); since > p.within {
		return fmt.Errorf("the loop has not come round for %s", since.Round(time.Second))
	}
	return nil
}
