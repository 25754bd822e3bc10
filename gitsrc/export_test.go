package gitsrc

// Root is the name that Git gives to the merged tree.
func (m *Merge) Root() string { return m.tree.root.String() }

// MergeBasesWithin is MergeBase with another limit, and all the best ones.
func (r *Repository) MergeBasesWithin(limit int, a, b SHA) ([]SHA, error) {
	return r.mergeBases(a, b, limit)
}
