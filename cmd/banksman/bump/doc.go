// Package bump finds the bytes of a manifest repository that say which image a
// service runs, and what they must be to run another one.
//
// It reads no template language: it changes one place after the other where the
// old words stand in the files that the service is rendered from, renders, and
// keeps those that give the image that was wished for. So it finds a tag in a
// template, in values, in the catalog and in a kustomization alike, and is never
// wrong about quotes: everything else stays byte by byte what it was.
//
// It knows nothing of Git, forges and clusters, and writes nothing. Its one entry
// point is Find.
package bump
