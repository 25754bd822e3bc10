package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

var errInUse = errors.New("another banksman run uses it")

// lockFolder makes a folder this process's own until unlock: the copy of the
// repository in it belongs to one process at a time. The operating system ends
// the lock with the process.
func lockFolder(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, failed(fmt.Errorf("no folder for the copy of the repository: %w", err), "choose one with --data-dir")
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, failed(fmt.Errorf("no folder for the copy of the repository: %w", err), "choose one with --data-dir")
	}
	if err := tryLock(file); err != nil {
		return nil, failed(errors.Join(fmt.Errorf("cannot use %s: %w", dir, err), file.Close()), "stop that one, or choose another folder with --data-dir")
	}
	return func() { _ = file.Close() }, nil // closing ends the lock; nothing was written
}
