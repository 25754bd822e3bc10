package gitsrc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// layout is the bare repository's directory: written so that a process killed at
// any point leaves either the old state or the new one. git itself can read it.
type layout struct {
	dir    string
	branch string
}

const (
	configFile  = "config"
	configMark  = "[banksman]"
	unfinished  = "tmp_"
	folderMode  = 0o700
	privateMode = 0o600
)

// openLayout reuses the directory when it holds this branch of this URL, empties
// it when it holds another, and refuses what banksman did not write.
func openLayout(dir, url, branch string) (layout, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, err
	}
	l := layout{dir: abs, branch: branch}
	want := l.config(url)
	have, err := os.ReadFile(filepath.Join(abs, configFile))
	switch {
	case err == nil && bytes.Equal(have, want):
		return l, l.repair()
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return layout{}, err
	}
	if err := l.refuseForeign(have); err != nil {
		return layout{}, err
	}
	if err := l.empty(); err != nil {
		return layout{}, err
	}
	return l, l.create(want)
}

func (l layout) config(url string) []byte {
	return fmt.Appendf(nil, "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"+
		"[remote \"origin\"]\n\turl = %s\n\tfetch = +refs/heads/%s:refs/remotes/origin/%s\n"+
		"[gc]\n\tauto = 0\n%s\n\tsource = true\n", quoteConfig(url), l.branch, l.branch, configMark)
}

func quoteConfig(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// entries are all the names that create and the fetches make.
var entries = []string{configFile, "HEAD", "objects", "refs"}

func (l layout) refuseForeign(config []byte) error {
	if bytes.Contains(config, []byte(configMark)) {
		return nil
	}
	found, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range found {
		if strings.HasPrefix(f.Name(), unfinished) {
			continue
		}
		if len(config) > 0 || !strings.Contains(" "+strings.Join(entries, " ")+" ", " "+f.Name()+" ") {
			return fmt.Errorf("the directory holds something else (%s); give an empty directory", clip(f.Name()))
		}
	}
	return nil
}

func (l layout) empty() error {
	// config last: as long as it is there, a half emptied directory is known as ours.
	for _, name := range []string{"refs", "objects", "HEAD", configFile} {
		if err := os.RemoveAll(filepath.Join(l.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (l layout) create(config []byte) error {
	if err := os.MkdirAll(l.dir, folderMode); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(l.dir, configFile), config); err != nil {
		return err
	}
	return l.repair()
}

// repair makes what create may not have reached, and removes what a killed fetch
// left half written.
func (l layout) repair() error {
	for _, sub := range []string{"refs/heads", "objects/pack", "objects/info"} {
		if err := os.MkdirAll(filepath.Join(l.dir, filepath.FromSlash(sub)), folderMode); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(l.dir, "HEAD"), []byte("ref: refs/heads/"+l.branch+"\n")); err != nil {
		return err
	}
	return l.removeUnfinished()
}

func (l layout) removeUnfinished() error {
	for _, pattern := range []string{unfinished + "*", "objects/pack/" + unfinished + "*", pullRefs + "/" + unfinished + "*"} {
		left, err := filepath.Glob(filepath.Join(globQuote(l.dir), filepath.FromSlash(pattern)))
		if err != nil {
			return err
		}
		for _, f := range left {
			if err := os.RemoveAll(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func globQuote(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

func (l layout) packDir() string { return filepath.Join(l.dir, "objects", "pack") }

func (l layout) refPath() string {
	return filepath.Join(l.dir, "refs", "remotes", "origin", filepath.FromSlash(l.branch))
}

func (l layout) head() (plumbing.Hash, error) {
	content, err := os.ReadFile(l.refPath())
	if errors.Is(err, fs.ErrNotExist) {
		return plumbing.ZeroHash, ErrNoHead
	}
	if err != nil {
		return plumbing.ZeroHash, err
	}
	sha, err := ParseSHA(strings.TrimSuffix(string(content), "\n"))
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%w: %w: the kept head is unreadable", ErrNoHead, ErrDamaged)
	}
	return sha.hash(), nil
}

func (l layout) setHead(h plumbing.Hash) error {
	if err := os.MkdirAll(filepath.Dir(l.refPath()), folderMode); err != nil {
		return err
	}
	return writeFile(l.refPath(), []byte(h.String()+"\n"))
}

// writeFile replaces a file in one step.
func writeFile(name string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), unfinished)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(privateMode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
