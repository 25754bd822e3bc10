package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// identityForm is what the folder's identity file holds.
var identityForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// identityOf says who this process is to others that want the lease. It is the
// data folder's, which belongs to one process at a time: one that was killed
// and starts again is the same one, and need not wait until its own lease has
// run out. The host and the path tell copies of a folder apart.
func identityOf(dir string) (string, error) {
	id, err := folderID(dir)
	if err != nil {
		return "", failed(fmt.Errorf("no identity for the lease: %w", err), "choose another folder with --data-dir")
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", failed(fmt.Errorf("no identity for the lease: %w", err), "")
	}
	if !folderIsOurs { // nothing keeps two processes out of one folder
		path += fmt.Sprint("\n", os.Getpid())
	}
	sum := sha256.Sum256([]byte(id + "\n" + host + "\n" + path))
	return host + "-" + hex.EncodeToString(sum[:4]), nil
}

// folderID is made once, and whole: a process may be killed at any time.
func folderID(dir string) (string, error) {
	file := filepath.Join(dir, "identity")
	content, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if id := strings.TrimSpace(string(content)); identityForm.MatchString(id) {
		return id, nil
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails; see crypto/rand
	id := hex.EncodeToString(random)
	if err := os.WriteFile(file+".new", []byte(id+"\n"), 0o600); err != nil {
		return "", err
	}
	return id, os.Rename(file+".new", file)
}
