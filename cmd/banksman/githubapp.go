package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"

	"banksman.dev/cmd/banksman/config"
)

// A githubApp gives the tokens of an App's installation: one is asked for with
// the App's key, and used until shortly before it expires. The key is read for
// each request, so that a new one is used from then on.
type githubApp struct {
	config.App
	api  string // ends with a slash
	wire objectsOnly

	mu     sync.Mutex
	key    []byte // that signs for
	tokens *ghinstallation.Transport
}

// appAnswerTime is how long GitHub may take to give a token.
const appAnswerTime = 30 * time.Second

// longestKey is far above any RSA key.
const longestKey = 64 << 10

func newGithubApp(app config.App, api string) *githubApp {
	return &githubApp{App: app, api: api, wire: objectsOnly{&http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: appAnswerTime}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   1,
		IdleConnTimeout:       time.Minute,
		TLSHandshakeTimeout:   appAnswerTime,
		ResponseHeaderTimeout: appAnswerTime,
	}}}
}

// Token never puts a key or a token, or a part of one, into an error.
func (a *githubApp) Token(ctx context.Context) (string, error) {
	installation, err := a.installation()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, appAnswerTime, errors.New("no answer"))
	defer cancel()
	token, err := installation.Token(ctx)
	if err != nil {
		return "", a.explain(err)
	}
	return clean(token, "GitHub's answer for installation "+fmt.Sprint(a.Installation))
}

// installation signs with the key that the file holds now.
func (a *githubApp) installation() (*ghinstallation.Transport, error) {
	key, err := a.readKey()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tokens != nil && bytes.Equal(a.key, key) {
		return a.tokens, nil
	}
	tokens, err := ghinstallation.New(a.wire, a.ID, a.Installation, key)
	if err != nil {
		return nil, fmt.Errorf("%s holds no private key of a GitHub App: want one in PEM, from the App's settings", a.PrivateKeyFile)
	}
	fill(&tokens.InstallationTokenOptions) // else null is sent, which GitHub's description does not allow
	tokens.BaseURL = strings.TrimSuffix(a.api, "/")
	a.key, a.tokens = key, tokens
	return tokens, nil
}

// fill gives options their zero value; their type is of a module that nothing
// else here needs.
func fill[T any](options **T) { *options = new(T) }

func (a *githubApp) readKey() ([]byte, error) {
	about, err := os.Stat(a.PrivateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the App's private key: %w", err)
	}
	if about.Size() > longestKey {
		return nil, fmt.Errorf("read the App's private key: %s has %d bytes, which is no key", a.PrivateKeyFile, about.Size())
	}
	key, err := os.ReadFile(a.PrivateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the App's private key: %w", err)
	}
	return key, nil
}

// explain says what GitHub's answer means for the App.
func (a *githubApp) explain(err error) error {
	what := fmt.Sprintf("no token for installation %d of GitHub App %d", a.Installation, a.ID)
	var answer *ghinstallation.HTTPError
	switch {
	case !errors.As(err, &answer):
		return fmt.Errorf("%s: %w", what, errNoObject) // the library quotes what it could not read
	case answer.Response == nil:
		return fmt.Errorf("%s: %w", what, answer.RootCause)
	}
	_ = answer.Response.Body.Close() // its status says enough
	switch code := answer.Response.StatusCode; code {
	case http.StatusUnauthorized:
		return fmt.Errorf("%s: GitHub does not accept the App's id with this private key (401); is %s a key of this App, and this machine's clock right?", what, a.PrivateKeyFile)
	case http.StatusNotFound:
		return fmt.Errorf("%s: GitHub knows no such installation of this App (404); its number is at the end of the installation's address", what)
	case http.StatusForbidden:
		return fmt.Errorf("%s: GitHub refuses (403); was the installation suspended?", what)
	default:
		return fmt.Errorf("%s: GitHub answers %d", what, code)
	}
}

// close lets go of connections.
func (a *githubApp) close() { a.wire.next.CloseIdleConnections() }

// errNoObject is an answer that holds no token.
var errNoObject = errors.New("GitHub's answer is not what it should be")

// objectsOnly lets no answer pass that the library cannot bear: one that is not
// a JSON object, or that has no end.
type objectsOnly struct{ next *http.Transport }

// largestTokenAnswer is far above what GitHub sends, which may list repositories.
const largestTokenAnswer = 4 << 20

func (o objectsOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.next.RoundTrip(r)
	if err != nil || answer.StatusCode/100 != 2 {
		return answer, err
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, largestTokenAnswer))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(content), []byte("{")) {
		return nil, errNoObject
	}
	answer.Body = io.NopCloser(bytes.NewReader(content))
	return answer, nil
}
