// Package install holds the manifests of banksman itself: the objects that an
// installed banksman consists of, as a pure function of its configuration.
//
// It knows nothing of clusters, files, GitHub or command lines: whoever calls it
// has settled the configuration, and applies or writes what comes out. Its one
// entry point is Objects; Base and Stream write what it returns.
package install
