package main

import (
	"context"
	"errors"
	"fmt"

	"banksman.dev/cmd/banksman/config"
	"banksman.dev/gitsrc"
)

// checkTrust asks for the decision that only a person can take: up to which
// commit everything counts as approved. Without it run does not start.
func (s *source) checkTrust(ctx context.Context) error {
	head, err := s.git.Fetch(ctx)
	switch {
	case err != nil && !s.process.trustGiven:
		return explainFetch(s.Source, err)
	case !s.process.trustGiven:
		return s.undecided(head)
	case err == nil && s.Trust != "":
		return s.warnOfStranger(head)
	}
	// A failed fetch is for the loop to report, which keeps what runs.
	return nil
}

// warnOfStranger says that the trusted commit is none of the branch. It is no
// failure: a branch that somebody rewrote must not keep banksman from starting.
func (s *source) warnOfStranger(head gitsrc.SHA) error {
	found, err := s.git.IsAncestor(s.Trust, head)
	if err != nil {
		return fmt.Errorf("look for the trusted commit: %w", err)
	}
	if !found {
		s.logger.Warn("the branch does not contain the trusted commit: nothing counts as approved by it",
			"trust", s.Trust, "branch", s.Branch, "head", head)
	}
	return nil
}

// undecided prints the flag with today's head.
func (s *source) undecided(head gitsrc.SHA) error {
	subject := ""
	if c, err := s.git.Commit(head); err == nil {
		subject = fmt.Sprintf(" (%s)", oneLine(c.Subject))
	}
	return misused(fmt.Sprintf(`the first time, if everything that %s holds today is right, start with
  --trust %s
else, and at every later start, with
  --trust %s   or the commit of the first time: what was promoted since is remembered, and
                 trusting today's head would approve whatever waits there for a review`, s.Branch, head, trustNothing),
		"--trust is missing: up to which commit does %s count as approved? its head is %s%s",
		s.Source, head.Short(), subject)
}

// explainFetch is for a fetch that ends the command.
func explainFetch(s config.Source, err error) error {
	if errors.Is(err, errNoToken) {
		return explainToken(err)
	}
	return unfetched(s.String(), s.Forge.URL, neededRights, err)
}

// unfetched says what could not be fetched, and what to try.
func unfetched(name, address, rights string, err error) error {
	problem := err
	var f *gitsrc.FetchError
	if errors.As(err, &f) {
		problem = errors.New(f.Problem)
	}
	what := fmt.Errorf("cannot fetch %s: %w", name, problem)
	switch {
	case errors.Is(err, gitsrc.ErrUnauthorized), errors.Is(err, gitsrc.ErrForbidden), errors.Is(err, gitsrc.ErrRepositoryNotFound):
		return failed(what, "check the address, and that the token is valid and may read this repository:\n"+rights)
	case errors.Is(err, gitsrc.ErrBranchMissing):
		return failed(what, fmt.Sprintf("git ls-remote --heads %s shows the branches; choose one with --branch", address))
	case errors.Is(err, gitsrc.ErrEmptyRepository):
		return failed(what, "push a first commit")
	}
	return failed(what, "git ls-remote "+address)
}

const neededRights = `a fine-grained token for this repository with Contents: read, Pull requests: read,
Commit statuses: read and write, Metadata: read (and the organization's
Members: read, where policies name teams)`

// rightsToLook are enough where nothing is written.
const rightsToLook = "a fine-grained token for this repository with Contents: read and Metadata: read is enough"

// explainToken is for a start without a usable token.
func explainToken(err error) error {
	if errors.Is(err, errNoToken) {
		return misused("export GITHUB_TOKEN=…, or --token-file FILE:\n"+neededRights, "%w: commits and reviews are read, and statuses written, with one", err)
	}
	return failed(err, neededRights)
}
