package gitsrc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// Options say what to follow and where to keep it.
type Options struct {
	// URL is https://host/owner/name; http only for this machine; a file URL or an
	// absolute path only with AllowFile. It must not carry a user or token.
	URL string
	// Branch is a branch name such as main.
	Branch string
	// Dir is where the bare repository is kept across polls; created when missing.
	// It must belong to this source alone. When URL or Branch differ from what it
	// holds, it is emptied.
	Dir string
	// Token is asked once per fetch; nil means anonymous. It is sent as the password
	// of HTTP basic authentication, to the configured host only.
	Token func(ctx context.Context) (string, error)
	// AllowFile lets URL be a repository on this machine.
	AllowFile bool
}

// Repository is the local copy of one branch, and of pull requests against it. Its
// methods may be called in parallel; fetches run one at a time.
type Repository struct {
	address address
	branch  string
	token   func(context.Context) (string, error)
	layout  layout
	store   *objectStore
	http    *http.Transport
	limits  limits

	fetching sync.Mutex
	cloned   clones   // guarded by fetching
	lacking  attempts // guarded by fetching
	commits  recent[Commit]
	folders  recent[*folder]
}

// Open prepares the directory. It uses no network.
func Open(o Options) (*Repository, error) {
	address, err := parseAddress(o.URL, o.AllowFile)
	if err != nil {
		return nil, err
	}
	if err := CheckBranch(o.Branch); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		return nil, errors.New("no directory given to keep the repository in")
	}
	l, err := openLayout(o.Dir, address.String(), o.Branch)
	if err != nil {
		return nil, fmt.Errorf("keep %s in %s: %w", address, o.Dir, err)
	}
	bounds := defaultLimits()
	return &Repository{
		address: address, branch: o.Branch, token: o.Token, layout: l,
		store: newObjectStore(l.packDir()), http: newHTTPTransport(bounds), limits: bounds,
	}, nil
}

// Close lets go of files and connections. Both are opened again when they are needed.
func (r *Repository) Close() {
	r.store.close()
	r.http.CloseIdleConnections()
}

// Head is the branch's head as of the last successful Fetch, also after a
// restart; ErrNoHead before the first.
func (r *Repository) Head() (SHA, error) {
	h, err := r.layout.head()
	if err != nil {
		return "", err
	}
	return shaOf(h), nil
}

// recent is a bounded cache that starts over when it is full: simpler than an LRU,
// and the values are cheap to make again.
type recent[V any] struct {
	mu     sync.Mutex
	values map[plumbing.Hash]V
}

const recentSize = 8192

func (c *recent[V]) get(h plumbing.Hash) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.values[h]
	return v, ok
}

func (c *recent[V]) put(h plumbing.Hash, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil || len(c.values) >= recentSize {
		c.values = make(map[plumbing.Hash]V)
	}
	c.values[h] = v
}

func (c *recent[V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values = nil
}
