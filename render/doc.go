// Package render turns one commit's files into releases: it reads the catalog (services.yaml), executes each service's
// templates for its canary and its full variant, checks the objects, and names the whole by a digest.
//
// It is pure: it reads nothing but the file tree it is given, and the same tree gives the same bytes. It knows nothing
// of clusters, forges or pull requests, and how Git is read is the caller's matter (an fs.FS is enough). Kustomize
// builds are in the child package kustomize and come in as a function.
//
// What it reads was written by others and may be hostile. Every input has a cap: bytes, documents, nesting, alias
// expansion, template steps and template output; see limits.go.
//
// Entry points: ReadCatalog, then Renderer.Release for one service or Renderer.Check for a whole catalog.
package render
