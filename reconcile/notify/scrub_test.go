package notify

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestErrorsOfTheLibraryWithoutTheirSecrets(t *testing.T) {
	const slack = "slack://hook:T1234ABCD-B5678EFGH-aBcDeFgHiJkLmNoPqRsTuVwX@webhook"
	for name, c := range map[string]struct{ raw, text, want string }{
		"the address that the library made of the URL": {
			slack, `failed to send slack notification: Post "https://hooks.slack.com/services/T1234ABCD/B5678EFGH/aBcDeFgHiJkLmNoPqRsTuVwX": dial tcp: lookup hooks.slack.com: no such host`,
			`failed to send slack notification: Post "https://…s.slack.com/…": dial tcp: lookup …s.slack.com: no such host`,
		},
		"the URL itself": {slack, "locating service for URL " + slack + ": unknown", "locating service for URL slack://…/…: unknown"},
		"a host that is the token": {
			"pushbullet://abcdefghijklmnop", "pushbullet://abcdefghijklmnop: bad token AbcdefghijklmnoP", "pushbullet://…/…: bad token …",
		},
		"a password that is quoted decoded": {
			"smtp://carol:p%40ss-w%2Ford@mail.example.com/?from=a@b.c&to=d@e.f", "smtp: auth with p@ss-w/ord failed at mail.example.com: 535",
			"smtp: auth with … failed at mail.example.com: 535",
		},
		"text that says nothing of it stays": {
			"generic://127.0.0.1:1/room?disabletls=yes", "sending HTTP request: dial tcp 127.0.0.1:1: connect: connection refused", "sending HTTP request: dial tcp 127.0.0.1:1: connect: connection refused",
		},
		"what cannot be read is not quoted": {"http://%zz/secret", "parse http://%zz/secret", "its URL cannot be parsed"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := scrub(c.text, c.raw); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// However a library puts a secret into an error, none of it is left that could be
// told from an ordinary word.
func TestNoSecretIsLeftInAnError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.StringMatching(`[A-Za-z0-9@:/?&=%+ _.-]{4,40}`).Draw(t, "token")
		long := rapid.StringMatching(`[A-Z0-9]{8,20}`).Draw(t, "long")
		u := url.URL{Scheme: rapid.SampledFrom([]string{"slack", "generic", "smtp", "pushover"}).Draw(t, "kind"), Host: "h.example"}
		switch rapid.IntRange(0, 3).Draw(t, "place") {
		case 0:
			u.User = url.UserPassword("user", token+long)
		case 1:
			u.Path = "/" + token + long
		case 2:
			u.RawQuery = url.Values{"key": {token + long}}.Encode()
		default:
			u.Host = long + ".example"
			u.Scheme = "pushbullet"
		}
		text := "failed: " + rapid.SampledFrom([]string{
			u.String(), u.Path, u.RawQuery, token + long, url.QueryEscape(token + long), url.PathEscape(token + long), "https://other.example/x/" + token + long, long, strings.ToLower(long), "x" + token + long + "y",
		}).Draw(t, "text")
		if got := scrub(text, u.String()); strings.Contains(strings.ToLower(got), strings.ToLower(long)) && strings.Contains(u.String(), long) {
			t.Errorf("%s: %s became %s", u.String(), text, got)
		}
	})
}
