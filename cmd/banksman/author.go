package main

import (
	"context"
	"fmt"
	"strings"
)

// authorIn makes commits in a clone elsewhere those of whoever commits in a
// folder: its own settings count, and what the environment says counts more. A
// name and an address that git would only guess from the machine belong to no
// account, and a release of theirs could never be approved: they count as none.
func authorIn(ctx context.Context, dir string) (env []string, err error) {
	for _, who := range []string{"GIT_AUTHOR", "GIT_COMMITTER"} {
		said, err := runGit(ctx, dir, []string{"LC_ALL=C"}, "-c", "user.useConfigOnly=true", "var", who+"_IDENT")
		name, rest, _ := strings.Cut(said, " <")
		email, _, isIdent := strings.Cut(rest, "> ")
		switch {
		case err != nil && !saysNobody(err):
			return nil, failed(fmt.Errorf("cannot tell who commits in %s: %w", dir, err), "git -C "+dir+" var "+who+"_IDENT")
		case err != nil || !isIdent || email == "":
			return nil, failed(fmt.Errorf("git knows no name and no e-mail address for the commit: neither those of %s nor --global ones", dir),
				"git config --global user.name NAME; git config --global user.email with an address of your GitHub account")
		}
		env = append(env, who+"_NAME="+name, who+"_EMAIL="+email)
	}
	return env, nil
}

// saysNobody: git has no name or no address, in its own words.
func saysNobody(err error) bool {
	return strings.Contains(err.Error(), "auto-detection is disabled") || strings.Contains(err.Error(), "empty ident")
}
