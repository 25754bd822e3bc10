// Package approvals judges whether a commit of a branch was approved by a
// pull-request review, and has the words for saying so: Facts, Policy, Verdict
// and Status.
//
// The one entry point is Judge. It is pure: what the forge says comes in as a
// Facts struct, what is asked for as a Policy, and a Verdict with one sentence
// for a person comes out. Anything that is missing or could not be read makes the
// verdict Unknown, which never approves.
//
// The package knows nothing about HTTP, Git objects, services or Kubernetes.
package approvals
