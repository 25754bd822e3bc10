// Command image builds banksman's container image with ko: the binary and the
// certificates of public authorities, for each platform, and nothing else. It
// needs no registry, and the same sources give the same bytes, wherever they
// are.
//
// It writes into a folder:
//
//   - layout, an OCI layout whose SPDX SBOMs refer to the images that they are of
//   - banksman.tar, for docker load and kind load image-archive
//   - banksman-….spdx.json, the SBOMs as files
//   - digest, the digest of the image
//
// With -push it also pushes image and SBOMs, and prints the image's name.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// An order is what is to be built, and where it goes.
type order struct {
	source, out, version, push string
	platforms                  []string
	created                    time.Time
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := orderOf(args)
	if err != nil {
		return err
	}
	log.SetOutput(io.Discard) // ko tells of each step
	built, err := build(ctx, o)
	if err != nil {
		return err
	}
	digest, err := built.Digest()
	if err != nil {
		return err
	}
	if err := keep(o, built); err != nil {
		return err
	}
	says := fmt.Sprintf("image   %s for %s\n", digest, strings.Join(o.platforms, " and "))
	says += fmt.Sprintf("load    kind load image-archive %s    (docker load -i, too)\n", filepath.Join(o.out, "banksman.tar"))
	says += fmt.Sprintf("then    banksman install --image %s\n", o.localName())
	if o.push != "" {
		pushed, err := push(ctx, o, built)
		if err != nil {
			return err
		}
		says += fmt.Sprintf("pushed  %s\nthen    banksman install --image %s\n", pushed, pushed)
	}
	_, err = io.WriteString(out, says)
	return err
}

func orderOf(args []string) (order, error) {
	var o order
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.source, "source", ".", "`folder` of banksman's module")
	flags.StringVar(&o.out, "out", "bin/image", "`folder` to write to")
	flags.StringVar(&o.version, "version", "devel", "`version` of banksman, and tag of the image")
	flags.StringVar(&o.push, "push", "", "`registry/name` to push to")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64", "`list` of platforms")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("takes no argument %q", flags.Arg(0))
	}
	if o.platforms = strings.Split(*platforms, ","); len(o.platforms) < 2 {
		return o, fmt.Errorf("-platforms %s: want at least two, because the image is an index of them", *platforms)
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil && os.Getenv("SOURCE_DATE_EPOCH") != "" {
		return o, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	o.created = time.Unix(seconds, 0).UTC()
	return o, nil
}

// tag is the version, as far as a tag can hold it.
func (o order) tag() string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, o.version)
}

// localName is the image's in the tarball.
func (o order) localName() string { return "banksman:" + o.tag() }
