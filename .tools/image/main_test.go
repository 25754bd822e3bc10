package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const testVersion = "v0.0.0-test"

// testPlatforms are two of which the second costs no second build: a variant that
// is what Go builds for anyway. BANKSMAN_IMAGE_PLATFORMS names others, such as
// those of make image: linux/amd64,linux/arm64.
func testPlatforms() []string {
	if said := os.Getenv("BANKSMAN_IMAGE_PLATFORMS"); said != "" {
		return strings.Split(said, ",")
	}
	variant := map[string]string{"amd64": "v1", "arm64": "v8"}[runtime.GOARCH]
	own := "linux/" + runtime.GOARCH
	return []string{own, own + "/" + variant}
}

// TestTheImage builds the image from two folders: it is the same, it holds the
// binary and the certificates alone, its SBOMs refer to it, and what is in it
// runs.
func TestTheImage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1763715600")
	here, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "another", "folder")
	copyTree(t, here, elsewhere)
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	web := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(web.Close)
	repository := strings.TrimPrefix(web.URL, "http://") + "/dora/banksman"
	said := buildInto(t, here, first, repository)
	buildInto(t, elsewhere, second, repository)

	t.Run("is the same wherever its sources are", func(t *testing.T) {
		if a, b := sums(t, first), sums(t, second); a != b {
			t.Errorf("built from %s:\n%s\nbuilt from %s:\n%s", here, a, elsewhere, b)
		}
	})
	t.Run("says how it is loaded and installed", func(t *testing.T) {
		for _, want := range []string{"image   sha256:", "kind load image-archive " + filepath.Join(first, "banksman.tar"), "banksman install --image " + repository + ":" + testVersion + "@sha256:"} {
			if !strings.Contains(said, want) {
				t.Errorf("want %q in:\n%s", want, said)
			}
		}
	})
	t.Run("is for both platforms", func(t *testing.T) { checkPlatforms(t, first) })
	t.Run("has an SBOM for each image, and one for all", func(t *testing.T) { checkSBOMs(t, first) })
	t.Run("can be loaded, and its binary runs", func(t *testing.T) { checkArchive(t, first) })
	t.Run("is in the registry with its SBOMs", func(t *testing.T) { checkPushed(t, first, repository) })
}

func buildInto(t *testing.T, source, out, repository string) string {
	t.Helper()
	var said bytes.Buffer
	if err := run(t.Context(), []string{"-source", source, "-out", out, "-version", testVersion, "-push", repository, "-platforms", strings.Join(testPlatforms(), ",")}, &said); err != nil {
		t.Fatal(err)
	}
	return said.String()
}

// copyTree copies what a build needs, and nothing that was built.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && slices.Contains([]string{".git", "bin", ".tools", "testdata"}, entry.Name()) && rel != ".":
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o750)
		case !entry.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sums are those of every file in a folder.
func sums(t *testing.T, folder string) string {
	t.Helper()
	files, err := sortedFiles(folder)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%x %s\n", sha256.Sum256(content), name)
	}
	return b.String()
}

// imagesOf are the images of the layout by platform, and the manifests that
// refer to something.
func imagesOf(t *testing.T, out string) (index v1.Hash, images map[string]v1.Image, referring []v1.Image) {
	t.Helper()
	top, err := layout.ImageIndexFromPath(filepath.Join(out, "layout"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	images = map[string]v1.Image{}
	for _, d := range m.Manifests {
		if !d.MediaType.IsIndex() {
			image, err := top.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			referring = append(referring, image)
			continue
		}
		index = d.Digest
		inner, err := top.ImageIndex(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		list, err := inner.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list.Manifests {
			if images[one.Platform.String()], err = inner.Image(one.Digest); err != nil {
				t.Fatal(err)
			}
		}
	}
	return index, images, referring
}

func checkPlatforms(t *testing.T, out string) {
	_, images, _ := imagesOf(t, out)
	for _, platform := range testPlatforms() {
		image, found := images[platform]
		if !found {
			t.Fatalf("no image for %s", platform)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if got := config.Platform().String(); got != platform {
			t.Errorf("the image for %s is for %s", platform, got)
		}
		if config.Config.User != nonRoot || !slices.Equal(config.Config.Entrypoint, []string{"/ko-app/banksman"}) || len(config.Config.Cmd) > 0 {
			t.Errorf("%s: it runs %v %v as %q", platform, config.Config.Entrypoint, config.Config.Cmd, config.Config.User)
		}
		checkFiles(t, platform, filesOf(t, image))
	}
	if len(images) != 2 {
		t.Errorf("it is for %d platforms, want 2", len(images))
	}
}

// filesOf are the regular files of an image, and whatever else is no folder.
func filesOf(t *testing.T, image v1.Image) map[string][]byte {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(content); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if header.Typeflag == tar.TypeDir {
				continue
			}
			name := strings.TrimPrefix(header.Name, "/")
			if files[name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return files
}

func checkFiles(t *testing.T, platform string, files map[string][]byte) {
	t.Helper()
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{certificatesPath, "ko-app/banksman"}; !slices.Equal(names, want) {
		t.Errorf("%s: it holds %v, want %v", platform, names, want)
	}
	authorities := 0
	for rest := files[certificatesPath]; ; authorities++ {
		block, left := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = left
	}
	if authorities < 50 {
		t.Errorf("%s: %d certificates", platform, authorities)
	}
}

func checkSBOMs(t *testing.T, out string) {
	index, images, referring := imagesOf(t, out)
	want := map[string]string{index.String(): "index"}
	for platform, image := range images {
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		want[digest.String()] = strings.ReplaceAll(platform, "/", "-")
	}
	for _, image := range referring {
		m, err := image.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject == nil {
			t.Fatal("an SBOM refers to nothing")
		}
		called, found := want[m.Subject.Digest.String()]
		if !found {
			t.Errorf("an SBOM refers to %s, which is none of the images", m.Subject.Digest)
		}
		delete(want, m.Subject.Digest.String())
		file, err := os.ReadFile(filepath.Join(out, "banksman-"+called+".spdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Fatalf("the SBOM of %s has %d layers: %v", called, len(layers), err)
		}
		content, err := layers[0].Compressed()
		if err != nil {
			t.Fatal(err)
		}
		attached, err := io.ReadAll(content)
		if err != nil || !bytes.Equal(attached, file) {
			t.Errorf("the SBOM of %s is not the one in the file: %v", called, err)
		}
		checkSPDX(t, called, attached)
	}
	if len(want) > 0 {
		t.Errorf("no SBOM for %v", want)
	}
}

func checkSPDX(t *testing.T, called string, content []byte) {
	t.Helper()
	var document struct {
		SPDXVersion string `json:"spdxVersion"`
		Packages    []struct{ Name string }
	}
	if err := json.Unmarshal(content, &document); err != nil || !strings.HasPrefix(document.SPDXVersion, "SPDX-2.") {
		t.Fatalf("the SBOM of %s is no SPDX: %q %v", called, document.SPDXVersion, err)
	}
	if called == "index" {
		return
	}
	for _, module := range []string{"banksman.dev", "k8s.io/client-go", "github.com/go-git/go-git/v5"} {
		if !slices.ContainsFunc(document.Packages, func(p struct{ Name string }) bool { return p.Name == module }) {
			t.Errorf("the SBOM of %s does not name %s", called, module)
		}
	}
}

// checkArchive reads the tarball as docker load of old does, and as an OCI archive.
func checkArchive(t *testing.T, out string) {
	file := filepath.Join(out, "banksman.tar")
	tag, err := name.NewTag("banksman:" + testVersion)
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(file, &tag)
	if err != nil {
		t.Fatal(err)
	}
	files := filesOf(t, image)
	checkFiles(t, "the tarball", files)
	checkOCIArchive(t, file)
	_, images, _ := imagesOf(t, out)
	own, found := images["linux/"+runtime.GOARCH]
	if !found || runtime.GOOS != "linux" {
		t.Skipf("the image is not for %s/%s: its binary cannot run here", runtime.GOOS, runtime.GOARCH)
	}
	binary := filepath.Join(t.TempDir(), "banksman")
	if err := os.WriteFile(binary, filesOf(t, own)["ko-app/banksman"], 0o700); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(said), "banksman "+testVersion+" ") {
		t.Errorf("version: %v\n%s", err, said)
	}
	said, err = exec.CommandContext(t.Context(), binary, "validate", filepath.Join("..", "..", "fixtures", "fop-gate")).CombinedOutput()
	if err != nil || !strings.Contains(string(said), "fop-gate     ok: ") {
		t.Errorf("validate: %v\n%s", err, said)
	}
}

func checkOCIArchive(t *testing.T, file string) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-xf", file, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := top.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Manifests) != 1 || m.Manifests[0].Annotations["io.containerd.image.name"] != "docker.io/library/banksman:"+testVersion {
		t.Errorf("the archive holds %+v", m.Manifests)
	}
}

func checkPushed(t *testing.T, out, repository string) {
	digest, err := os.ReadFile(filepath.Join(out, "digest"))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(repository + ":" + testVersion)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := index.Digest()
	if err != nil || pushed.String() != strings.TrimSpace(string(digest)) {
		t.Errorf("pushed %s, built %s: %v", pushed, digest, err)
	}
	tags, err := remote.List(ref.Context())
	if err != nil {
		t.Fatal(err)
	}
	sboms := slices.DeleteFunc(tags, func(tag string) bool { return !strings.HasSuffix(tag, ".sbom") })
	if len(sboms) != 3 {
		t.Errorf("%d SBOMs are in the registry, want one for each image and one for all: %v", len(sboms), sboms)
	}
}

func TestATagHoldsWhatATagMay(t *testing.T) {
	for version, want := range map[string]string{"v1.2.3": "v1.2.3", "v1.2.3+dirty": "v1.2.3-dirty", "482983b-dirty": "482983b-dirty"} {
		if got := (order{version: version}).tag(); got != want {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}
