package github

import (
	"container/list"
	"net/http"
	"sync"
)

// answer is a successful answer to a GET.
type answer struct {
	key, etag string
	header    http.Header
	body      []byte
}

// cache keeps the answers used last, by address and Accept header: GitHub
// answers 304 to an ETag that still holds, which costs nothing of the limit.
type cache struct {
	mu    sync.Mutex
	bytes int
	byKey map[string]*list.Element
	used  *list.List // of answer, the latest first
}

const (
	mostAnswers = 4096
	mostBytes   = 32 << 20
)

func newCache() *cache {
	return &cache{byKey: map[string]*list.Element{}, used: list.New()}
}

func cacheKey(req *http.Request) string { return req.URL.String() + " " + req.Header.Get("Accept") }

func (c *cache) get(key string) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return answer{}, false
	}
	c.used.MoveToFront(e)
	return e.Value.(answer), true
}

func (c *cache) put(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[a.key]; ok {
		c.drop(e)
	}
	c.byKey[a.key] = c.used.PushFront(a)
	c.bytes += len(a.body)
	for c.used.Len() > mostAnswers || c.bytes > mostBytes {
		c.drop(c.used.Back())
	}
}

// drop needs c.mu.
func (c *cache) drop(e *list.Element) {
	a := c.used.Remove(e).(answer)
	c.bytes -= len(a.body)
	delete(c.byKey, a.key)
}
