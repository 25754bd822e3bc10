// Package approvals judges whether a commit of a branch was approved by a
// pull-request review, and has the words for saying so: Facts, Policy, Verdict
// and Status.
//
// The one entry point is Judge, which is JudgeOpen for a pull request that is not
// merged yet. It is pure: what the forge says comes in as a Facts struct, what is
// asked for as a Policy, and a Verdict with one sentence for a person comes out.
// Anything that is missing or could not be read makes the verdict Unknown, which
// never approves. Eligible answers the other question in the same way: whether an
// open pull request may have the canary before it is merged.
//
// The package knows nothing about HTTP, Git objects, services or Kubernetes.
package approvals
