package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

// A build says which program this is.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"` // of banksman's own source
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	built, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = built.Main.Version
	}
	for _, s := range built.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) String() string {
	s := "banksman " + b.Version
	if b.Commit != "" {
		s += " (commit " + b.Commit
		if b.Modified {
			s += ", modified"
		}
		s += ")"
	}
	return s + " " + b.Go + " " + b.Platform
}

// userAgent is how banksman introduces itself to servers.
func userAgent() string { return "banksman/" + thisBuild().Version }

func (p *program) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  banksman version\n  banksman version -o json",
		Args:    arguments(0, 0, ""),
	}
	output := cmd.Flags().StringP("output", "o", "", "output `format`: json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := oneOf(cmd.Flags(), "output", "", "json"); err != nil {
			return err
		}
		if *output == "json" {
			return p.printJSON(thisBuild())
		}
		_, err := fmt.Fprintln(p.streams.Out, thisBuild())
		return err
	}
	return cmd
}

func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.streams.Out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
