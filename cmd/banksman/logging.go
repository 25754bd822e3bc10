package main

import (
	"io"
	"log/slog"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// The formats of --log-format.
const (
	logText = "text"
	logJSON = "json"
)

func newLogger(w io.Writer, format string, verbose bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		o.Level = slog.LevelDebug
	}
	if format == logJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// adoptLibraryLogs sends what the Kubernetes libraries log on their own to the
// same place. They keep their loggers in globals, so it is done once, by run.
func adoptLibraryLogs(logger *slog.Logger) {
	logger = logger.With("from", "kubernetes client")
	klog.SetSlogLogger(logger)
	ctrllog.SetLogger(logr.FromSlogHandler(logger.Handler()))
}
