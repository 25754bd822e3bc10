package main

import (
	"archive/tar"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/sigstore/cosign/v3/pkg/oci"
)

// dockerEntry is what docker load of old looks for: one image of a platform.
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// archive writes an OCI layout as a tarball, with the file in it that older
// docker load reads. It is the same for the same layout.
func archive(o order, folder string, built oci.SignedImageIndex) (err error) {
	out, err := os.Create(filepath.Join(o.out, "banksman.tar"))
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	w := tar.NewWriter(out)
	files, err := sortedFiles(folder)
	if err != nil {
		return err
	}
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if err := add(w, name, content, o.created); err != nil {
			return err
		}
	}
	content, err := dockerManifest(o, built)
	if err != nil {
		return err
	}
	if err := add(w, "manifest.json", content, o.created); err != nil {
		return err
	}
	return w.Close()
}

func add(w *tar.Writer, name string, content []byte, created time.Time) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content)), ModTime: created}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

// dockerManifest names the first platform's image.
func dockerManifest(o order, built oci.SignedImageIndex) ([]byte, error) {
	manifest, err := built.IndexManifest()
	if err != nil {
		return nil, err
	}
	image, err := built.Image(manifest.Manifests[0].Digest)
	if err != nil {
		return nil, err
	}
	m, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	entry := dockerEntry{Config: blob(m.Config.Digest.Hex), RepoTags: []string{o.localName()}}
	for _, layer := range m.Layers {
		entry.Layers = append(entry.Layers, blob(layer.Digest.Hex))
	}
	return json.Marshal([]dockerEntry{entry})
}

func blob(hex string) string { return path.Join("blobs", "sha256", hex) }
