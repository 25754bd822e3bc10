package gitsrc

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func against(t *testing.T, handler http.HandlerFunc, bounds limits) *Repository {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	r, err := Open(Options{URL: server.URL + "/o/n", Branch: "main", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r.limits, r.http = bounds, newHTTPTransport(bounds)
	return r
}

func TestAServerThatStallsIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"before it answers": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "timeout awaiting response headers"},
		"in its answer": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("001e# service=git-upload-pack\n"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "the server sent nothing for"},
	} {
		t.Run(name, func(t *testing.T) {
			bounds := limits{connect: time.Second, header: 50 * time.Millisecond, stall: 50 * time.Millisecond, response: 1 << 20}
			_, err := against(t, c.handler, bounds).Fetch(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestAnAnswerWithoutEndIsCut(t *testing.T) {
	bounds := defaultLimits()
	bounds.response = 1 << 20
	_, err := against(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("001e# service=git-upload-pack\n0000"))
		line := "0044" + strings.Repeat("1", 40) + " refs/heads/aaaaaaaaaaa\n"
		_, _ = w.Write([]byte("0044" + strings.Repeat("1", 40) + " refs/heads/0\x00ofs-delta\n"))
		for {
			if _, err := w.Write([]byte(line)); err != nil {
				return
			}
		}
	}, bounds).Fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "too large: more than 1048576 bytes") {
		t.Fatalf("got %v", err)
	}
}

// packOf makes a pack of one entry whose header declares what it likes.
func packOf(kind byte, declared uint64, content []byte) []byte {
	var b bytes.Buffer
	b.WriteString("PACK\x00\x00\x00\x02\x00\x00\x00\x01")
	first, rest := kind<<4|byte(declared&15), declared>>4
	for rest > 0 {
		b.WriteByte(first | 0x80)
		first, rest = byte(rest&0x7f), rest>>7
	}
	b.WriteByte(first)
	if kind == 7 {
		b.Write(make([]byte, 20))
	}
	z := zlib.NewWriter(&b)
	_, _ = z.Write(content)
	_ = z.Close()
	sum := sha1.Sum(b.Bytes())
	b.Write(sum[:])
	return b.Bytes()
}

func TestAPackIsRefusedBeforeItIsUnpacked(t *testing.T) {
	const blob, delta = 3, 7
	promise := binary.AppendUvarint(binary.AppendUvarint(nil, 10), 1<<40) // a delta that makes 1 TiB
	sound := packOf(blob, 4, []byte("a: 1"))
	for name, c := range map[string]struct {
		pack []byte
		want error
	}{
		"sound":                  {sound, nil},
		"a huge blob":            {packOf(blob, 1<<40, []byte("x")), ErrTooLarge},
		"a delta of a huge blob": {packOf(delta, uint64(len(promise)), promise), ErrTooLarge},
		"more than it declares":  {packOf(blob, 1, bytes.Repeat([]byte("x"), 1<<20)), errBadPack},
		"cut":                    {sound[:len(sound)-3], errBadPack},
		"a wrong checksum":       {append(sound[:len(sound)-1:len(sound)-1], sound[len(sound)-1]^1), errBadPack},
		"a base that is missing": {packOf(delta, 3, []byte{10, 4, 0x90}), errBadPack},
		"empty":                  {nil, errBadPack},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := receivePack(dir, bytes.NewReader(c.pack))
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			left, globErr := filepath.Glob(filepath.Join(dir, "*"))
			if globErr != nil {
				t.Fatal(globErr)
			}
			if c.want != nil && len(left) != 0 {
				t.Fatalf("left behind: %v", left)
			}
			if c.want == nil && len(left) != 2 {
				t.Fatalf("got %v", left)
			}
		})
	}
}

func FuzzPack(f *testing.F) {
	f.Add(packOf(3, 4, []byte("a: 1")))
	f.Add(packOf(7, 3, []byte{10, 4, 0x90}))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := os.CreateTemp(t.TempDir(), "pack")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		if _, err := file.Write(content); err != nil {
			t.Fatal(err)
		}
		index, _, err := indexPack(file)
		if err == nil && index == nil {
			t.Fatal("no index and no error")
		}
	})
}
