package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	installation "banksman.dev/cmd/banksman/install"
)

// exportInstallation writes the manifests for somebody else to apply. No
// cluster is asked.
func (p *program) exportInstallation(ctx context.Context, f *installFlags) error {
	if err := f.hasImage(installed{}); err != nil {
		return err
	}
	s, err := p.settle(ctx, f, installed{})
	if err != nil {
		return err
	}
	objects, err := p.objectsOf(f, s, installed{}, "")
	if err != nil {
		return err
	}
	more, err := f.morePorts(installed{})
	if err != nil {
		return err
	}
	if words := s.portNote(more); words != "" {
		if err := p.note("note: " + words); err != nil {
			return err
		}
	}
	head := f.secretsToMake(s)
	if f.export == "-" {
		stream, err := installation.Stream(objects, head)
		if err != nil {
			return err
		}
		_, err = p.streams.Out.Write(stream)
		return err
	}
	files, err := installation.Base(objects, head)
	if err != nil {
		return err
	}
	if err := writeBase(f.export, files); err != nil {
		return err
	}
	return p.printExported(f, s, len(files))
}

// secretsToMake is what the manifests need and do not hold.
func (f *installFlags) secretsToMake(s settled) string {
	var b strings.Builder
	fmt.Fprintf(&b, "banksman in namespace %s. Secrets are not here; make them before:\n", f.home())
	fmt.Fprintf(&b, "  %s\n", secretCommand(f.home(), installation.GitHubSecret, s.needs))
	if files := notifyFiles(s); len(files) > 0 {
		fmt.Fprintf(&b, "  %s\n", secretCommand(f.home(), installation.NotifySecret, files))
	}
	return b.String()
}

// notifyFiles are the keys of the Secret for notifications that the
// configuration names.
func notifyFiles(s settled) (keys []string) {
	for _, n := range s.config.Notifications {
		if n.URLFile != "" {
			keys = append(keys, filepath.Base(n.URLFile))
		}
		if n.Webhook != nil && n.Webhook.SecretFile != "" {
			keys = append(keys, filepath.Base(n.Webhook.SecretFile))
		}
	}
	return union(keys, nil)
}

// writeBase replaces the files that it writes, and leaves all others.
func writeBase(dir string, files []installation.File) error {
	if about, err := os.Stat(dir); err == nil && !about.IsDir() {
		return misused("name a folder, or - for standard output", "--export %s is a file", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failed(err, "")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // manifests for everybody who may read the repository
		return failed(err, "")
	}
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(dir, file.Name), file.Content, 0o644); err != nil { //nolint:gosec // as above
			return failed(err, "")
		}
	}
	return nil
}

func (p *program) printExported(f *installFlags, s settled, count int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d files are in %s\n", count, f.export)
	about := facts{out: &b, screen: p.screen()}
	about.addCommand("Namespace", "kubectl create namespace "+f.home())
	about.addCommand("Secret", secretCommand(f.home(), installation.GitHubSecret, s.needs))
	if files := notifyFiles(s); len(files) > 0 {
		about.addCommand("", secretCommand(f.home(), installation.NotifySecret, files))
	}
	about.addCommand("Apply", "kubectl apply --server-side -k "+f.export)
	about.addCommand("Then", "banksman status -A")
	about.print()
	return p.print(&b)
}
