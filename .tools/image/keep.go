package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/ko/pkg/publish"
	"github.com/sigstore/cosign/v3/pkg/oci"
)

// spdx is the media type of the SBOMs.
const spdx = "application/spdx+json"

// keep writes the layout, the SBOMs and the tarball anew.
func keep(o order, built oci.SignedImageIndex) error {
	folder := filepath.Join(o.out, "layout")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return err
	}
	named := map[string]string{
		"org.opencontainers.image.ref.name": o.tag(),
		"io.containerd.image.name":          "docker.io/library/" + o.localName(),
	}
	plain, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	if err := plain.AppendIndex(built, layout.WithAnnotations(named)); err != nil {
		return err
	}
	// The tarball is the layout before the SBOMs are in it: what loads it knows
	// images only.
	if err := archive(o, folder, built); err != nil {
		return err
	}
	if err := withSBOMs(o, plain, built); err != nil {
		return err
	}
	digest, err := built.Digest()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, "digest"), []byte(digest.String()+"\n"), 0o600) //nolint:gosec // where its user wants it
}

// withSBOMs adds the SBOM of each image, and of the index, as what refers to it.
func withSBOMs(o order, into layout.Path, built oci.SignedImageIndex) error {
	manifest, err := built.IndexManifest()
	if err != nil {
		return err
	}
	digest, err := built.Digest()
	if err != nil {
		return err
	}
	if err := withSBOM(o, into, built, "index", v1.Descriptor{MediaType: manifest.MediaType, Digest: digest}); err != nil {
		return err
	}
	for _, d := range manifest.Manifests {
		image, err := built.SignedImage(d.Digest)
		if err != nil {
			return err
		}
		if err := withSBOM(o, into, image, strings.ReplaceAll(d.Platform.String(), "/", "-"), d); err != nil {
			return err
		}
	}
	return nil
}

func withSBOM(o order, into layout.Path, of oci.SignedEntity, called string, subject v1.Descriptor) error {
	file, err := of.Attachment("sbom")
	if err != nil {
		return fmt.Errorf("the SBOM of %s: %w", called, err)
	}
	content, err := file.Payload()
	if err != nil {
		return fmt.Errorf("the SBOM of %s: %w", called, err)
	}
	if err := os.WriteFile(filepath.Join(o.out, "banksman-"+called+".spdx.json"), content, 0o600); err != nil {
		return err
	}
	if sized, ok := of.(interface{ Size() (int64, error) }); ok {
		if subject.Size, err = sized.Size(); err != nil {
			return err
		}
	}
	artifact := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	artifact = mutate.ConfigMediaType(artifact, spdx)
	if artifact, err = mutate.AppendLayers(artifact, static.NewLayer(content, spdx)); err != nil {
		return err
	}
	subject.Platform = nil
	refers, ok := mutate.Subject(artifact, subject).(v1.Image)
	if !ok {
		return fmt.Errorf("the SBOM of %s cannot refer to it", called)
	}
	return into.AppendImage(refers)
}

// push pushes image and SBOMs, and returns the name with the digest.
func push(ctx context.Context, o order, built oci.SignedImageIndex) (string, error) {
	to, err := publish.NewDefault(o.push, publish.WithTags([]string{o.tag()}), publish.WithNamer(func(base, _ string) string { return base }))
	if err != nil {
		return "", err
	}
	defer func() { _ = to.Close() }() // what was pushed is pushed
	ref, err := to.Publish(ctx, built, program)
	if err != nil {
		return "", fmt.Errorf("push to %s: %w", o.push, err)
	}
	return ref.String(), nil
}

// sortedFiles are the files of a folder, by their paths in it.
func sortedFiles(folder string) (paths []string, err error) {
	err = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		paths = append(paths, filepath.ToSlash(rel))
		return err
	})
	slices.Sort(paths)
	return paths, err
}
