// Package reconcile decides what runs. It looks at one service at a time, in
// one loop: observe, decide, act, look again.
//
//	Observe   everything the decision needs, gathered into one plain struct
//	Decide    a pure function: two ordered lists of rules, one for each variant
//	Act       the record first, then the cluster, then the commit statuses
//
// An open pull request may have a service's canary before it is merged. What it
// comes to on the branch is read in proposals.go and openpull.go, who has which
// canary is decided by Slots, and what it must not do by guard.
//
// The two target lists stand in targets.go, in the order in which they are
// tried. Everything a person reads as an outcome comes out of Decide.
//
// The package knows nothing of Kubernetes clients, of GitHub's wire or of
// flags: its child packages cluster, record and health talk to the API server,
// approvals/github talks to the forge, and cmd/banksman ties them to the Loop.
// Its entry point is Loop.Run.
package reconcile
