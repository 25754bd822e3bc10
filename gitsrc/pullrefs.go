package gitsrc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// pullRefs holds one ref per pull request. A ref names only what is complete in the
// packs: it is written after its pack and removed before it.
const pullRefs = "refs/banksman/pull"

func (l layout) pullPath(number int) string {
	return filepath.Join(l.dir, filepath.FromSlash(pullRefs), strconv.Itoa(number))
}

// pulls leaves out refs that cannot be read: the next setPull writes them again.
func (l layout) pulls() (map[int]plumbing.Hash, error) {
	kept := map[int]plumbing.Hash{}
	err := l.eachPull(func(number int) error {
		content, err := os.ReadFile(l.pullPath(number))
		if err != nil {
			return err
		}
		if sha, err := ParseSHA(strings.TrimSuffix(string(content), "\n")); err == nil {
			kept[number] = sha.hash()
		}
		return nil
	})
	return kept, err
}

func (l layout) setPull(number int, h plumbing.Hash) error {
	name := l.pullPath(number)
	if err := os.MkdirAll(filepath.Dir(name), folderMode); err != nil {
		return err
	}
	return writeFile(name, []byte(h.String()+"\n"))
}

// dropPulls removes all refs but those to keep.
func (l layout) dropPulls(keep map[int]bool) error {
	return l.eachPull(func(number int) error {
		if keep[number] {
			return nil
		}
		return os.Remove(l.pullPath(number))
	})
}

func (l layout) eachPull(do func(number int) error) error {
	found, err := os.ReadDir(filepath.Join(l.dir, filepath.FromSlash(pullRefs)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range found {
		number, err := strconv.Atoi(f.Name())
		if err != nil || strconv.Itoa(number) != f.Name() {
			continue
		}
		if err := do(number); err != nil {
			return err
		}
	}
	return nil
}
