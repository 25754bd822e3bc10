package main

import (
	"errors"
	"fmt"

	"banksman.dev/gitsrc"
	"banksman.dev/render"
)

// checkCatalog says what the loop can tell of no service: that the catalog at
// the branch's head cannot be read. Before the first fetch there is none to read.
func (s *source) checkCatalog() error {
	head, err := s.git.Head()
	if errors.Is(err, gitsrc.ErrNoHead) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the head of %s: %w", s.Source, err)
	}
	tree, err := s.git.Tree(head)
	if err != nil {
		return fmt.Errorf("read commit %s: %w", head.Short(), err)
	}
	if _, err := render.ReadCatalog(tree, s.Catalog); err != nil {
		return fmt.Errorf("the catalog cannot be read at %s: %w", head.Short(), err)
	}
	return nil
}
