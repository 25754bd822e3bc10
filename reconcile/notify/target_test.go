package notify_test

import (
	"strings"
	"testing"

	"banksman.dev/reconcile"
	"banksman.dev/reconcile/notify"
)

func TestWhatIsWrongWithATarget(t *testing.T) {
	hook := func(url string) notify.Target {
		return notify.Target{Name: "x", Webhook: &notify.Webhook{URL: url}}
	}
	for name, c := range map[string]struct {
		target notify.Target
		want   string // "": nothing
	}{
		"nothing, over TLS":                {hook("https://hooks.example.com/banksman?token=hidden"), ""},
		"nothing, on this machine":         {hook("http://127.0.0.1:8080/hidden"), ""},
		"nothing, in the cluster":          {hook("http://chat.tools.svc:8080/hidden"), ""},
		"nothing, with a file":             {notify.Target{Name: "x", URLFile: "/etc/banksman/notify/slack"}, ""},
		"nothing, for a chat":              {notify.Target{Name: "x", URL: "slack://hook:hidden@webhook"}, ""},
		"nothing, for a chat of one's own": {notify.Target{Name: "x", URL: "teams+https://example.com/hidden"}, ""},
		"no name":                          {notify.Target{URLFile: "f"}, `target "": it has no name`},
		"no address":                       {notify.Target{Name: "x"}, "nowhere to send to"},
		"two addresses":                    {notify.Target{Name: "x", URL: "ntfy://h/hidden", URLFile: "f"}, "more than one of"},
		"an event that does not exist":     {notify.Target{Name: "x", URLFile: "f", Events: []reconcile.Event{"done"}}, `no event "done"; the events are canary-started, `},
		"a glob that is none":              {notify.Target{Name: "x", URLFile: "f", Services: []string{"[a"}}, `"[a" is not a glob`},
		"a webhook without TLS":            {hook("http://hooks.example.com/hidden"), "http to hooks.example.com would be readable on its way"},
		"a webhook over another protocol":  {hook("ftp://127.0.0.1/hidden"), "ftp to 127.0.0.1"},
		"a webhook with a password":        {hook("https://bob:hidden@hooks.example.com"), "carries a user"},
		"a webhook without a host":         {hook("hidden"), "not an address"},
		"a chat that does not exist":       {notify.Target{Name: "x", URL: "slac://hidden@webhook"}, `shoutrrr knows no "slac"; it knows bark, discord`},
		"the library's own log":            {notify.Target{Name: "x", URL: "logger://"}, `shoutrrr knows no "logger"`},
		"a token without a URL":            {notify.Target{Name: "x", URL: "hidden:abc"}, "not a URL of shoutrrr"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.target.Check()
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hidden")) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTwoTargetsOfOneName(t *testing.T) {
	w := &world{t: t}
	_, err := notify.Start(w.options(), []notify.Target{{Name: "x", URLFile: "a"}, {Name: "x", URLFile: "b"}})
	if err == nil || !strings.Contains(err.Error(), "there are two of that name") {
		t.Errorf("got %v", err)
	}
}
