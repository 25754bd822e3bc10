package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ko "github.com/google/ko/pkg/build"
	"github.com/sigstore/cosign/v3/pkg/oci"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const program = "banksman.dev/cmd/banksman"

// nonRoot is the user that the container runs as.
const nonRoot = "65532:65532"

// build has ko build the program onto a base of certificates alone.
func build(ctx context.Context, o order) (oci.SignedImageIndex, error) {
	base, err := baseOf(o)
	if err != nil {
		return nil, err
	}
	flags := "-s -w -X main.version=" + o.version
	if o.push != "" {
		flags += " -X main.image=" + o.push + ":" + o.tag()
	}
	builder, err := ko.NewGo(ctx, o.source,
		ko.WithBaseImages(func(context.Context, string) (name.Reference, ko.Result, error) {
			return name.MustParseReference("scratch"), base, nil
		}),
		ko.WithPlatforms(o.platforms...),
		ko.WithCreationTime(v1.Time{Time: o.created}),
		ko.WithKoDataCreationTime(v1.Time{Time: o.created}),
		ko.WithTrimpath(true),
		ko.WithUser(nonRoot),
		ko.WithSPDX(koVersion()),
		ko.WithConfig(map[string]ko.Config{program: {
			Flags:   []string{"-buildvcs=false"},
			Ldflags: []string{flags},
			Env:     []string{"CGO_ENABLED=0"},
		}}),
		ko.WithLabel("org.opencontainers.image.title", "banksman"),
		ko.WithLabel("org.opencontainers.image.version", o.version),
		ko.WithLabel("org.opencontainers.image.licenses", "Apache-2.0"),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare the build: %w", err)
	}
	result, err := builder.Build(ctx, "ko://"+program)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", program, err)
	}
	index, ok := result.(oci.SignedImageIndex)
	if !ok {
		return nil, fmt.Errorf("build %s: ko made a %T, want an index", program, result)
	}
	return index, nil
}

// koVersion is which ko this program has in it, for the SBOM.
func koVersion() string {
	built, ok := debug.ReadBuildInfo()
	if ok {
		for _, dep := range built.Deps {
			if dep.Path == "github.com/google/ko" {
				return dep.Version
			}
		}
	}
	return "unknown"
}

// baseOf is an image for each platform with the certificates alone.
func baseOf(o order) (v1.ImageIndex, error) {
	layer, err := certificates(o.created)
	if err != nil {
		return nil, err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range o.platforms {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", platform, err)
		}
		image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
		image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
		if image, err = mutate.ConfigFile(image, &v1.ConfigFile{
			OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, Created: v1.Time{Time: o.created},
			RootFS: v1.RootFS{Type: "layers"},
		}); err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Author: "banksman", Created: v1.Time{Time: o.created}, Comment: "certificates of public authorities"},
		}); err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p}})
	}
	return index, nil
}

// certificatesPath is where Go looks for them first.
const certificatesPath = "etc/ssl/certs/ca-certificates.crt"

// certificates is a layer with one file: Mozilla's authorities that are trusted
// without a condition. A file cannot say a condition.
func certificates(created time.Time) (v1.Layer, error) {
	var list bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&list, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	path := ""
	for _, part := range strings.Split(certificatesPath, "/") {
		path = strings.TrimPrefix(path+"/"+part, "/")
		header := &tar.Header{Name: path + "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: created}
		if path == certificatesPath {
			header = &tar.Header{Name: path, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(list.Len()), ModTime: created}
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write(list.Bytes()); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	content := layer.Bytes()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer))
}
