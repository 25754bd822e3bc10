package notify

import (
	"strings"
	"testing"
	"time"
)

func TestTextFromElsewhereWakesNobodyAndStaysOnItsLine(t *testing.T) {
	m := message{Notification: Sample(Source{}, time.Unix(0, 0))}
	m.Reason = "<!channel> @everyone\r\nlook\x00 here: " + strings.Repeat("x", 1000)
	text := m.text()
	if strings.ContainsAny(text, "\r\n\x00") || strings.Contains(text, "<!") || strings.Contains(text, "@everyone") {
		t.Errorf("got %q", text)
	}
	if !strings.HasPrefix(text, "<\u200b!channel> @\u200beveryone look here: xxx") || len([]rune(text)) > 610 {
		t.Errorf("got %q", text)
	}
}

func TestWaitsAreSaidOnce(t *testing.T) {
	m := message{Notification: Notification{Reason: "waits for reviews", Waits: []string{"alice", "bob"}}}
	if got, want := m.text(), "waits for reviews\nwaits for alice, bob"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m.Reason = "waits for alice and bob"
	if got := m.text(); got != m.Reason {
		t.Errorf("got %q", got)
	}
}

func TestATitleNamesWhatItIsAbout(t *testing.T) {
	for want, m := range map[string]message{
		"fop-gate: held":                    {Notification: Notification{Event: "held", Service: "fop-gate"}},
		"fop-gate: held (production)":       {Notification: Notification{Event: "held", Service: "fop-gate", Environment: "production"}},
		"fop-gate and x: held":              {Notification: Notification{Event: "held", Service: "fop-gate"}, others: []string{"x"}},
		"fop-gate and 2 others: held":       {Notification: Notification{Event: "held", Service: "fop-gate"}, others: []string{"x", "y"}},
		"dora: cannot be read":              {Notification: Notification{Event: "unreadable", Source: "dora"}},
		"banksman: a test":                  {Notification: Notification{Event: EventTest}},
		"fop-gate: waits for a review":      {Notification: Notification{Event: "awaiting-approval", Service: "fop-gate"}},
		"fop-gate: something of a next one": {Notification: Notification{Event: "something of a next one", Service: "fop-gate"}},
	} {
		if got := m.title(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
