package main

import (
	"errors"
	"fmt"
	"strings"

	"banksman.dev/cmd/banksman/config"
)

// A forge is where the manifest repository lives.
type forge = config.Forge

// forgeOf reads --repo and --github-api.
func forgeOf(repo, api string) (forge, error) {
	if repo == "" {
		return forge{}, misused("banksman run --repo https://github.com/owner/name", "no manifest repository: --repo is missing")
	}
	f, err := config.ForgeOf(repo, api)
	var wrong *config.AddressError
	if !errors.As(err, &wrong) {
		return f, err
	}
	flag := "--repo"
	if wrong.OfAPI {
		flag = "--github-api"
	}
	try := "remove it from --repo, and give the token by --token-file or $" + githubTokenVariable
	switch {
	case wrong.Try != "":
		try = fmt.Sprintf("write it as %s %s", flag, wrong.Try)
	case strings.HasSuffix(wrong.Problem, "unencrypted"):
		try = "use https; http is for this machine only"
	}
	return forge{}, misused(try, "%s %w", flag, wrong)
}
