package gitsrc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

const (
	// maxPackedObject bounds one object of a pack, unpacked: indexing holds it in memory.
	maxPackedObject = 256 << 20
	// maxPackedObjects bounds the number of objects in one pack.
	maxPackedObjects = 20_000_000
)

// errBadPack: what the server sent is not a sound pack.
var errBadPack = errors.New("the server sent a damaged pack")

// receivePack writes a pack and its index into dir, both complete, verified and on
// disk. go-git's own pack writer would leave a truncated index after a crash and
// believe it later, hence this one.
func receivePack(dir string, source io.Reader) (index *idxfile.MemoryIndex, err error) {
	f, err := os.CreateTemp(dir, unfinished+"pack_")
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = f.Close() // again on success, harmless
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := io.Copy(f, source); err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	index, checksum, err := indexPack(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBadPack, err)
	}
	encoded := &bytes.Buffer{}
	if _, err := idxfile.NewEncoder(encoded).Encode(index); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(privateMode), f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, packName(checksum))
	if err := writeFile(name+".idx", encoded.Bytes()); err != nil {
		return nil, err
	}
	if err := os.Rename(f.Name(), name+".pack"); err != nil {
		return nil, err
	}
	return index, syncFolder(dir)
}

// indexPack computes the name of every object from its content and checks the
// pack's checksum.
func indexPack(f *os.File) (index *idxfile.MemoryIndex, checksum plumbing.Hash, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoder: %v", p)
		}
	}()
	if err := checkPackBounds(f); err != nil {
		return nil, plumbing.ZeroHash, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, plumbing.ZeroHash, err
	}
	writer := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(f), writer)
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	checksum, err = parser.Parse()
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	index, err = writer.Index()
	return index, checksum, err
}

// checkPackBounds reads the declared sizes before the parser, which believes
// them, allocates anything.
func checkPackBounds(f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	scanner := packfile.NewScanner(f)
	_, count, err := scanner.Header()
	if err != nil {
		return err
	}
	if count > maxPackedObjects {
		return fmt.Errorf("%w: %d objects", ErrTooLarge, count)
	}
	for range count {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return err
		}
		size := uint64(max(header.Length, 0))
		start := &prefix{}
		if size <= maxPackedObject {
			if _, _, err := scanner.NextObject(start); err != nil {
				return err
			}
		}
		if header.Type.IsDelta() {
			size = max(size, deltaTarget(start.bytes))
		}
		if header.Length < 0 || size > maxPackedObject {
			return fmt.Errorf("%w: an object of %d bytes", ErrTooLarge, size)
		}
	}
	return nil
}

// deltaTarget is the size of the object that a delta makes: the second of the two
// variable-length numbers at its start.
func deltaTarget(delta []byte) uint64 {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0
	}
	target, _ := binary.Uvarint(delta[n:])
	return target
}

// prefix keeps the first bytes written to it.
type prefix struct{ bytes []byte }

func (h *prefix) Write(p []byte) (int, error) {
	if room := 2*binary.MaxVarintLen64 - len(h.bytes); room > 0 {
		h.bytes = append(h.bytes, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
