package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

const chatTimeout = 30 * time.Second // of one try

// A chat tells people through shoutrrr. The library takes no context: a send that
// hangs is left behind, and nothing more is sent until it has ended.
type chat struct {
	url  func() (string, error)
	busy chan struct{} // one place
}

func newChat(t Target) *chat {
	c := &chat{busy: make(chan struct{}, 1), url: func() (string, error) { return t.URL, nil }}
	if t.URLFile != "" {
		c.url = func() (string, error) { return urlIn(t.URLFile) }
	}
	return c
}

func urlIn(file string) (string, error) {
	content, err := readSmall(file)
	if err != nil {
		return "", fmt.Errorf("read the URL: %w", err)
	}
	raw := strings.TrimSpace(content)
	if err := checkChat(raw); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return raw, nil
}

// checkChat says whether shoutrrr can know the URL, without a part of it in the
// error but the scheme.
func checkChat(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || !strings.Contains(raw, "://") {
		return errors.New("it is not a URL of shoutrrr, such as slack://hook:TOKEN@webhook; see https://shoutrrr.nickfedor.com")
	}
	kinds := chatKinds()
	if kind := chatKind(u); !slices.Contains(kinds, kind) {
		return fmt.Errorf("shoutrrr knows no %q; it knows %s", kind, strings.Join(kinds, ", "))
	}
	return nil
}

// chatKind is what stands before a + or the whole scheme.
func chatKind(u *url.URL) string {
	kind, _, _ := strings.Cut(u.Scheme, "+")
	return kind
}

// chatKinds are what shoutrrr can send to, without its own log, which nobody reads.
func chatKinds() []string {
	kinds := slices.DeleteFunc((&router.ServiceRouter{}).ListServices(), func(k string) bool { return k == "logger" })
	slices.Sort(kinds)
	return kinds
}

func (c *chat) send(ctx context.Context, m message) error {
	raw, err := c.url()
	if err != nil {
		return &tryError{problem: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, chatTimeout)
	defer cancel()
	select {
	case c.busy <- struct{}{}:
	case <-ctx.Done():
		return &tryError{problem: "the notification before this one still hangs"}
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-c.busy }()
		done <- shout(raw, m)
	}()
	select {
	case err := <-done:
		return chatFailure(err, raw)
	case <-ctx.Done(): // the send goes on, and leaves its place when it ends
		return &tryError{problem: "no answer; whether it was taken is not known, so it is not sent again", isFinal: true}
	}
}

// shout survives a fault of the library: a release must not end with it.
func shout(raw string, m message) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("shoutrrr failed: %v", fault)
		}
	}()
	service, err := (&router.ServiceRouter{}).Locate(raw)
	if err != nil {
		return err
	}
	text, params := m.title()+"\n"+m.text(), types.Params{}
	if showsTitle(service.GetID()) {
		text = m.text()
		params.SetTitle(m.title())
	}
	return service.Send(text, &params)
}

// showsTitle: the kinds whose messages have a title of their own. The others refuse
// one, drop it, or mean something else by it.
func showsTitle(kind string) bool {
	switch kind {
	case "smtp", "ntfy", "gotify", "pushover", "pushbullet", "opsgenie", "bark":
		return true
	}
	return false
}

// chatFailure: a timeout is not tried again, because a chat cannot tell that it has
// seen a message.
func chatFailure(err error, raw string) error {
	if err == nil {
		return nil
	}
	var timeout net.Error
	unknown := errors.As(err, &timeout) && timeout.Timeout() || strings.Contains(err.Error(), "Timeout exceeded") ||
		errors.Is(err, context.DeadlineExceeded)
	return &tryError{problem: scrub(err.Error(), raw), isFinal: unknown}
}
