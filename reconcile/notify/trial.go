package notify

import (
	"context"
	"fmt"
	"time"

	"banksman.dev/reconcile"
)

// Trial sends one notification to one target, once, and returns why it was not
// taken.
func Trial(ctx context.Context, o Options, t Target, n Notification) error {
	if err := t.Check(); err != nil {
		return err
	}
	client := webhookClient(o.Transport)
	defer client.CloseIdleConnections()
	return senderFor(t, client, o.complete())(ctx, message{Notification: n})
}

// Sample is a notification of no release, for Trial.
func Sample(s Source, at time.Time) Notification {
	return notificationOf(s, reconcile.Transition{
		ID:     fmt.Sprintf("test-%d", at.Unix()),
		Event:  EventTest,
		Reason: "this is a test of banksman's notifications; no release is meant",
		At:     at,
	})
}
