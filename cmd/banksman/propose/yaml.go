package propose

import (
	"bytes"
	"io"
	"io/fs"
	"strings"
	"time"
)

// YAML is the catalog as a file, with what was skipped in comments.
func (p Proposal) YAML() []byte {
	var b bytes.Buffer
	b.WriteString("services:\n")
	for _, s := range p.Services {
		b.WriteString("  " + s.Name + ":\n")
		if s.Namespace != "" {
			b.WriteString("    namespace: " + s.Namespace + "\n")
		}
		switch {
		case s.Kustomize != "":
			b.WriteString("    kustomize: " + quoted(s.Kustomize) + "\n")
		case len(s.Templates) == 1:
			b.WriteString("    templates: [" + quoted(s.Templates[0]) + "]\n")
		default:
			b.WriteString("    templates:\n")
			for _, t := range s.Templates {
				b.WriteString("      - " + quoted(t) + "\n")
			}
		}
		if s.Canary {
			b.WriteString("    canary: {replicas: 1}\n")
		}
	}
	for i, s := range p.Skipped {
		if i == 0 {
			b.WriteString("\n# Not taken:\n")
		}
		b.WriteString("# " + oneLine(s.Path) + ": " + oneLine(s.Why) + "\n")
	}
	return b.Bytes()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// quoted is a path as a YAML value.
func quoted(path string) string {
	isPlain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r)
	}
	if strings.TrimFunc(path, isPlain) == "" && path != "" && !strings.HasPrefix(path, "-") && path != "." {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", "''") + "'"
}

// An overlay is a tree with the catalog in it.
type overlay struct {
	fs.FS
	catalog []byte
}

func (o overlay) Open(name string) (fs.File, error) {
	if name == file {
		return &memory{bytes.NewReader(o.catalog), int64(len(o.catalog))}, nil
	}
	return o.FS.Open(name)
}

// memory is the catalog as an open file.
type memory struct {
	io.Reader
	size int64
}

func (m *memory) Stat() (fs.FileInfo, error) { return m, nil }
func (m *memory) Close() error               { return nil }
func (m *memory) Name() string               { return file }
func (m *memory) Size() int64                { return m.size }
func (m *memory) Mode() fs.FileMode          { return 0o444 }
func (m *memory) ModTime() time.Time         { return time.Time{} }
func (m *memory) IsDir() bool                { return false }
func (m *memory) Sys() any                   { return nil }
