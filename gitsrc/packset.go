package gitsrc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/go-git/go-billy/v5/osfs"
)

const (
	cacheSize = 32 * cache.MiByte
	// mostOpen bounds the file descriptors.
	mostOpen = 16
)

// packSet finds objects in the packs of a folder. go-git's file system storage
// would load every index again after each fetch and look for a loose object on
// disk before each look into the packs; there are none here. Not safe for
// concurrent use.
type packSet struct {
	dir     string
	loaded  bool
	packs   []*pack
	open    []*pack
	objects cache.Object
}

type pack struct {
	dir   string
	name  string // file name without suffix
	index *idxfile.MemoryIndex
	file  *packfile.Packfile // nil while closed
}

func newPackSet(dir string) *packSet {
	return &packSet{dir: dir, objects: cache.NewObjectLRU(cacheSize)}
}

func (s *packSet) load() error {
	if s.loaded {
		return nil
	}
	found, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	s.packs = nil
	for _, f := range found {
		name, ok := strings.CutSuffix(f.Name(), ".pack")
		if !ok || strings.HasPrefix(name, unfinished) {
			continue
		}
		index, err := readIndex(filepath.Join(s.dir, name+".idx"))
		if err != nil {
			return fmt.Errorf("index of %s: %w", name, err)
		}
		if name != packName(index.PackfileChecksum) {
			return fmt.Errorf("index of %s belongs to another pack", name)
		}
		s.packs = append(s.packs, &pack{dir: s.dir, name: name, index: index})
	}
	s.loaded = true
	return nil
}

func packName(checksum plumbing.Hash) string { return "pack-" + checksum.String() }

func readIndex(name string) (index *idxfile.MemoryIndex, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	index = idxfile.NewMemoryIndex()
	return index, idxfile.NewDecoder(f).Decode(index)
}

// add makes a pack readable that lies in another folder.
func (s *packSet) add(dir string, index *idxfile.MemoryIndex) error {
	if err := s.load(); err != nil {
		return err
	}
	s.packs = append(s.packs, &pack{dir: dir, name: packName(index.PackfileChecksum), index: index})
	return nil
}

// settle moves the pack that was added last into the folder, or drops it.
func (s *packSet) settle(keep bool) error {
	s.close()
	p := s.packs[len(s.packs)-1]
	if !keep {
		s.packs = s.packs[:len(s.packs)-1]
		return nil
	}
	// The index goes first: a pack counts from the moment its .pack is there.
	for _, suffix := range []string{".idx", ".pack"} {
		if err := os.Rename(filepath.Join(p.dir, p.name+suffix), filepath.Join(s.dir, p.name+suffix)); err != nil {
			return err
		}
	}
	p.dir = s.dir
	return syncFolder(s.dir)
}

// find returns nil when no pack has the object. The newest pack is asked first.
func (s *packSet) find(h plumbing.Hash) (*pack, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	for i := len(s.packs) - 1; i >= 0; i-- {
		found, err := s.packs[i].index.Contains(h)
		if err != nil {
			return nil, err
		}
		if found {
			return s.packs[i], nil
		}
	}
	return nil, nil //nolint:nilnil // documented: nil is "in no pack"
}

// opened returns the pack ready for reading.
func (s *packSet) opened(p *pack) (*packfile.Packfile, error) {
	if p.file != nil {
		return p.file, nil
	}
	if len(s.open) >= mostOpen {
		s.close()
	}
	f, err := osfs.New(p.dir, osfs.WithBoundOS()).Open(p.name + ".pack")
	if err != nil {
		return nil, err
	}
	p.file = packfile.NewPackfileWithCache(p.index, nil, f, s.objects, 0)
	s.open = append(s.open, p)
	return p.file, nil
}

// close lets go of the files; they are opened again when needed.
func (s *packSet) close() {
	for _, p := range s.open {
		_ = p.file.Close() // only read from
		p.file = nil
	}
	s.open = nil
}
