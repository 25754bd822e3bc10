//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// folderIsOurs: tryLock keeps every other process out.
const folderIsOurs = true

func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	return err
}
