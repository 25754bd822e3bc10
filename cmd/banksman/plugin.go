package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The names under which kubectl finds a plugin, and what completes it.
const (
	pluginName     = "kubectl-banksman"
	completionName = "kubectl_complete-banksman"
)

// asKubectl is how the commands are typed through kubectl.
const asKubectl = "kubectl banksman"

// calledAs makes the program answer to the name of its link.
func (p *program) calledAs(executable string, args []string) []string {
	name := strings.TrimSuffix(filepath.Base(executable), ".exe")
	p.isPlugin = name == pluginName || name == completionName
	if name == completionName {
		return append([]string{cobra.ShellCompRequestCmd}, args...)
	}
	return args
}

// speakAsPlugin makes the help speak of kubectl banksman.
func speakAsPlugin(root *cobra.Command) {
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: asKubectl}
	var each func(*cobra.Command)
	each = func(cmd *cobra.Command) {
		lines := strings.Split(cmd.Example, "\n")
		for i, line := range lines {
			if rest, ok := strings.CutPrefix(line, "  banksman "); ok {
				lines[i] = "  " + asKubectl + " " + rest
			}
		}
		cmd.Example = strings.Join(lines, "\n")
		for _, child := range cmd.Commands() {
			each(child)
		}
	}
	each(root)
}

func (p *program) pluginCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "plugin [FOLDER]",
		Short: "Make this program a plugin of kubectl: kubectl banksman",
		Long: `Make two links to this program in a folder of $PATH, by default the one that the program
is in: kubectl-banksman, so that kubectl banksman is all that banksman is, and
kubectl_complete-banksman, with which kubectl completes it (kubectl 1.26 and later, where
kubectl's own completion is set up).

Exit codes: 0 they are there; 1 they cannot be made; 2 wrong usage.`,
		Example: `  banksman plugin
  banksman plugin ~/.local/bin`,
		Args: arguments(0, 1, ""),
		RunE: func(_ *cobra.Command, args []string) error {
			executable, err := os.Executable()
			if err != nil {
				return failed(err, "")
			}
			folder := filepath.Dir(executable)
			if len(args) == 1 {
				folder = args[0]
			}
			return p.makeLinks(executable, folder, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace links that lead elsewhere")
	return cmd
}

func (p *program) makeLinks(executable, folder string, force bool) error {
	for _, name := range []string{pluginName, completionName} {
		if runtime.GOOS == "windows" {
			name += ".exe"
		}
		link := filepath.Join(folder, name)
		there, err := os.Readlink(link)
		switch {
		case err == nil && there == executable:
			continue
		case err == nil && force:
			err = os.Remove(link)
		case err == nil:
			return failed(fmt.Errorf("%s leads to %s", link, there), "--force replaces it")
		case errors.Is(err, fs.ErrNotExist):
			err = nil
		default:
			err = fmt.Errorf("%s is there already, and is no link", link)
		}
		if err == nil {
			err = os.Symlink(executable, link)
		}
		if err != nil {
			return failed(fmt.Errorf("make the link: %w", err), "name a folder that you may write to: banksman plugin ~/.local/bin")
		}
	}
	if err := p.say("kubectl banksman works now: " + filepath.Join(folder, pluginName)); err != nil {
		return err
	}
	if !slices.Contains(filepath.SplitList(p.getenv("PATH")), filepath.Clean(folder)) {
		return p.note(folder + " is not in $PATH: kubectl finds it there only if it is")
	}
	return nil
}
