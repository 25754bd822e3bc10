package gitsrc

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// objectStore reads objects and verifies each against its name. It has one lock
// over one read.
type objectStore struct {
	dir string // objects/pack

	mu      sync.Mutex
	packs   *packSet
	bad     bool // an object was missing or wrong since the last replacement
	corrupt bool // an object was wrong, not just missing
}

func newObjectStore(packDir string) *objectStore {
	return &objectStore{dir: packDir, packs: newPackSet(packDir)}
}

func (s *objectStore) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs.close()
}

// replace lets swap exchange the packs while nobody reads, and forgets everything
// cached from the old ones.
func (s *objectStore) replace(swap func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packs.close()
	err := swap()
	s.packs = newPackSet(s.dir)
	s.bad, s.corrupt = err != nil, err != nil
	return err
}

func (s *objectStore) damaged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

func (s *objectStore) corrupted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.corrupt
}

// sound takes back the suspicion after everything that matters was checked.
func (s *objectStore) sound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad = false
}

// try makes the objects of a pack in another folder readable while check runs. The
// pack moves in when check succeeds and is forgotten when it fails, so that
// whatever is in the folder is known to be complete.
func (s *objectStore) try(dir string, index *idxfile.MemoryIndex, check func() error) error {
	s.mu.Lock()
	err := s.packs.add(dir, index)
	s.mu.Unlock()
	if err != nil {
		return damaged(index.PackfileChecksum, err)
	}
	err = check()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(err, s.packs.settle(err == nil))
}

var errMissing = errors.New("missing object")

// has does not read the object.
func (s *objectStore) has(h plumbing.Hash) (found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.note(h, &err)
	p, err := s.packs.find(h)
	if err != nil {
		return false, damaged(h, err)
	}
	return p != nil, nil
}

// read returns the verified object. A missing object is errMissing, one larger
// than limit ErrTooLarge, everything else that is wrong ErrDamaged. With referred,
// something that is here names the object, so that its absence is damage too.
func (s *objectStore) read(t plumbing.ObjectType, h plumbing.Hash, limit int64, referred bool) (content []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.note(h, &err)
	p, size, err := s.locate(h)
	if errors.Is(err, errMissing) && !referred {
		return nil, fmt.Errorf("%w %s", errMissing, h)
	}
	if err != nil {
		return nil, damaged(h, err)
	}
	if size > limit {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, size, limit)
	}
	object, err := p.Get(h)
	if err != nil {
		return nil, damaged(h, err)
	}
	return verified(object, t, h, size)
}

// verified recomputes the object's name: go-git takes it from the pack's index.
func verified(object plumbing.EncodedObject, t plumbing.ObjectType, h plumbing.Hash, size int64) ([]byte, error) {
	if object.Size() != size {
		return nil, damaged(h, fmt.Errorf("%d bytes instead of %d", object.Size(), size))
	}
	reader, err := object.Reader()
	if err != nil {
		return nil, damaged(h, err)
	}
	defer func() { _ = reader.Close() }()
	content := make([]byte, size)
	if _, err := io.ReadFull(reader, content); err != nil {
		return nil, damaged(h, err)
	}
	if got := plumbing.ComputeHash(object.Type(), content); got != h {
		return nil, damaged(h, fmt.Errorf("the content is that of %s", got))
	}
	if object.Type() != t {
		return nil, &kindError{hash: h, got: object.Type(), want: t}
	}
	return content, nil
}

// kindError: the object is sound and is something else than was asked for.
type kindError struct {
	hash      plumbing.Hash
	got, want plumbing.ObjectType
}

func (e *kindError) Error() string {
	return fmt.Sprintf("object %s is a %s, not a %s", e.hash, e.got, e.want)
}

func damaged(h plumbing.Hash, err error) error {
	return fmt.Errorf("%w: object %s: %w", ErrDamaged, h, err)
}

// note turns a panic of the pack decoder, which hostile bytes have caused in the
// past, into damage, and remembers damage until the packs are replaced.
func (s *objectStore) note(h plumbing.Hash, err *error) {
	if p := recover(); p != nil {
		*err = damaged(h, fmt.Errorf("decoder: %v", p))
	}
	if errors.Is(*err, ErrDamaged) {
		s.bad = true
		s.corrupt = s.corrupt || !errors.Is(*err, errMissing)
	}
}

// size reads no content.
func (s *objectStore) size(h plumbing.Hash) (size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.note(h, &err)
	if _, size, err = s.locate(h); err != nil {
		return 0, damaged(h, err)
	}
	return size, nil
}

// locate returns the pack of an object and its size, unpacked.
func (s *objectStore) locate(h plumbing.Hash) (*packfile.Packfile, int64, error) {
	found, err := s.packs.find(h)
	if err != nil {
		return nil, 0, err
	}
	if found == nil {
		return nil, 0, errMissing
	}
	p, err := s.packs.opened(found)
	if err != nil {
		return nil, 0, err
	}
	if cached, ok := s.packs.objects.Get(h); ok {
		return p, cached.Size(), nil
	}
	offset, err := p.FindOffset(h)
	if err != nil {
		return nil, 0, err
	}
	size, err := p.GetSizeByOffset(offset)
	return p, size, err
}
