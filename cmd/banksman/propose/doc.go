// Package propose makes a first catalog for a folder of manifests that has
// none: which files are a service, and which of them can have a canary.
//
// It knows nothing of GitHub, of clusters and of what will become of the
// proposal. It reads files, guesses, renders what it guessed, and leaves out
// what cannot be rendered, with the reason. Its one entry point is Catalog; what
// it returns renders whole.
package propose
