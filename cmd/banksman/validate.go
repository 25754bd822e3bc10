package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

func (p *program) validateCommand() *cobra.Command {
	var output, catalog string
	cmd := &cobra.Command{
		Use:   "validate [PATH]",
		Short: "Render every service of a folder and say what is wrong",
		Long: `Read the catalog of a folder (the current one without PATH) and render every
service's canary and full variant, as banksman run would at a commit of these
files. The files are taken as they are, committed or not. No cluster and no
network is needed.

Fields are not checked against the schemas of a cluster: its API server does that
before the first write.

Exit codes: 0 everything renders; 1 something cannot; 2 wrong usage.`,
		Example: `  banksman validate
  banksman validate ~/src/manifests --catalog teams/dora/services.yaml
  banksman validate -o json | jq '.services[] | select(.errors)'`,
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf(cmd.Flags(), "output", "", "json"); err != nil {
				return err
			}
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			v, err := validate(dir, catalog)
			if err != nil {
				return err
			}
			return p.printValidation(v, output)
		},
	}
	cmd.Flags().StringVar(&catalog, "catalog", "", "the catalog's `path` in the folder (default services.yaml, else services.json)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "output `format`: json")
	return cmd
}

// A validation is what is right and wrong with a folder's files.
type validation struct {
	Catalog  string             `json:"catalog"`
	Services []validatedService `json:"services"`
	// Errors belong to no service.
	Errors []fault `json:"errors,omitempty"`
}

// A validatedService is one service's part of it. The counts are of objects.
type validatedService struct {
	Name   render.ServiceName `json:"name"`
	Digest render.Digest      `json:"digest,omitempty"`
	Full   int                `json:"full,omitempty"`
	Canary int                `json:"canary,omitempty"`
	Errors []fault            `json:"errors,omitempty"`
}

// A fault is a render.Error as JSON.
type fault struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"` // the whole of it, as the text output has it
	Excerpt string `json:"excerpt,omitempty"`
}

// validate tells the faults of a folder's services apart. A catalog that
// cannot be read is an error.
func validate(dir, catalogPath string) (validation, error) {
	tree, err := openWorkingTree(dir)
	if err != nil {
		return validation{}, err
	}
	defer tree.Close() //nolint:errcheck // it was only read
	return validateTree(tree, catalogPath)
}

func validateTree(tree fs.FS, catalogPath string) (validation, error) {
	catalog, err := render.ReadCatalog(tree, catalogPath)
	if err != nil {
		return validation{}, err
	}
	v := validation{Catalog: catalog.Path}
	releases, err := render.Renderer{Kustomize: kustomize.Build}.Check(tree, catalog, "")
	byService := map[render.ServiceName]*validatedService{}
	for _, name := range catalog.Names() {
		byService[name] = &validatedService{Name: name}
	}
	for _, r := range releases {
		s := byService[r.Service]
		s.Digest, s.Full = r.Digest, len(r.Full)+len(r.Shared)
		if r.HasCanary {
			s.Canary = len(r.Canary) + len(r.Shared)
		}
	}
	for _, e := range faultsOf(err) {
		f := fault{File: e.File, Line: e.Line, Column: e.Column, Message: e.Error(), Excerpt: e.Excerpt}
		if s, ok := byService[e.Service]; ok {
			s.Errors = append(s.Errors, f)
		} else {
			v.Errors = append(v.Errors, f)
		}
	}
	for _, name := range catalog.Names() {
		v.Services = append(v.Services, *byService[name])
	}
	return v, nil
}

// faultsOf flattens what render found.
func faultsOf(err error) []*render.Error {
	var several render.Errors
	var one *render.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		return several
	case errors.As(err, &one):
		return []*render.Error{one}
	}
	return []*render.Error{{Problem: err.Error()}}
}

func (p *program) printValidation(v validation, output string) error {
	bad := 0
	for _, s := range v.Services {
		if len(s.Errors) > 0 {
			bad++
		}
	}
	var err error
	if output == "json" {
		err = p.printJSON(v)
	} else {
		err = p.printServices(v)
	}
	switch {
	case err != nil:
		return err
	case bad > 0:
		return failed(fmt.Errorf("%d of %d services of %s cannot be released", bad, len(v.Services), v.Catalog), "")
	case len(v.Errors) > 0:
		return failed(fmt.Errorf("%s has errors", v.Catalog), "")
	}
	return nil
}

func (p *program) printServices(v validation) error {
	var b strings.Builder
	paint := p.screen().paint
	width := 0
	for _, s := range v.Services {
		width = max(width, len(s.Name))
	}
	for _, s := range v.Services {
		name := fmt.Sprintf("%-*s  ", width, s.Name)
		if len(s.Errors) == 0 {
			fmt.Fprintf(&b, "%s%s %s\n", name, paint.in(green, "ok:"), s.summary())
		}
		printFaults(&b, name, paint, s.Errors)
	}
	printFaults(&b, "", paint, v.Errors)
	return p.print(&b)
}

func printFaults(b *strings.Builder, name string, paint paint, faults []fault) {
	for _, f := range faults {
		fmt.Fprintf(b, "%s%s %s\n", name, paint.in(red, "error:"), indented(printable(f.Message)))
		if f.Excerpt != "" {
			fmt.Fprintf(b, "  %s\n", strings.ReplaceAll(printable(f.Excerpt), "\n", "\n  "))
		}
	}
}

// summary is "7 + 6 objects, digest 1a2b3c4": of full and of the canary.
func (s validatedService) summary() string {
	objects := "objects"
	if s.Full == 1 && s.Canary == 0 {
		objects = "object"
	}
	count := fmt.Sprint(s.Full)
	if s.Canary > 0 {
		count += fmt.Sprintf(" + %d", s.Canary)
	}
	return fmt.Sprintf("%s %s, digest %s", count, objects, s.Digest.Short())
}
