// Package notify tells people and other programs what happened to a release:
// it sends each transition of the loop to the targets that want it, chats and
// mail through shoutrrr, other programs as a signed webhook.
//
// What says the same of many services at once is one message of a chat, and one
// delivery for each to a webhook.
//
// Every target has a queue and a goroutine of its own, so that one that hangs or
// fails delays neither the loop nor another target. What it is sent is told at
// most once: a transition's ID is queued once for each target, and a try is
// repeated only where the one before it failed. A webhook's receiver that took a
// notification but could not say so in time gets it again, with the same
// Banksman-Delivery.
//
// The package knows nothing of how transitions are found, of configuration files
// or of metrics. Its entry point is Start.
package notify
