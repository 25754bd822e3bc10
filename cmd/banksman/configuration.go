package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/reconcile/notify"
)

// sourcesOf is what the repositories of a configuration file come to.
func sourcesOf(file string, content []byte) ([]config.Source, error) {
	read, err := config.Read(file, content)
	if err != nil {
		return nil, err
	}
	sources, err := read.Sources()
	if err != nil {
		return nil, err
	}
	if err := notify.Check(targetsOf(sources)); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return sources, nil
}

// contentOf reads no more of a file than a configuration can have.
func contentOf(file string) ([]byte, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(opened, config.Largest+1))
	if err := errors.Join(err, opened.Close()); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return content, nil
}

const tryConfigHelp = "banksman config --help shows a configuration; banksman config validate FILE says what one comes to"
