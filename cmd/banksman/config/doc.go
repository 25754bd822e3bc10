// Package config is the configuration file of banksman run: what it may say,
// read strictly, and what each of its repositories comes to once the defaults
// are applied.
//
// It knows nothing of clusters, of GitHub's API or of the process that uses it:
// it opens no file that the configuration names. Read is its one entry point;
// Configuration.Sources is the one place where defaults are inherited.
package config
