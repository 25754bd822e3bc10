package render

// DefaultEntry is what governs a service that no trusted catalog describes: the default pipeline, and nothing else.
func DefaultEntry(name ServiceName) Entry {
	return Entry{
		Name:      name,
		Pipeline:  Pipeline{Canary: defaultCanary(), Full: defaultFull()},
		OnRemoval: OnRemovalOrphan,
		Drift:     DriftRepair,
	}
}
