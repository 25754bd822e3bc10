// Package health says what one live object is like: on its way, settled, or
// stuck, and why, in a sentence that stays the same while the facts do.
//
// The judgement is kstatus's; the sentences are about Pods, because that is
// what a person looks for. The package sends nothing and watches nothing: it is
// given objects as they were last seen. It knows nothing of services, releases
// or digests. Its entry point is Of.
package health
