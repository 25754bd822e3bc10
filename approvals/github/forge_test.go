package github

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

type object = map[string]any

// forge is a server with open pull requests. Its answers have the shapes of
// GitHub's OpenAPI description, and an ETag of the body alone.
type forge struct {
	*server
	mu        sync.Mutex
	pulls     []object            // created last first
	timelines map[string][]object // by number
	reviews   map[string][]object // by number
	activity  map[string][]object // by ref
	noTimes   bool                // there is no list of activities
	level     map[string]string   // permission by login; "write" unless said
	onPage    func(page string)   // before a page of the list is answered
	answered  []string            // "304 list", "200 reviews"
	wrong     map[string]int      // a status to answer instead, by kind and number
}

var resource = regexp.MustCompile(`^/repos/dora/jjh(?:/(pulls|issues|collaborators|activity)(?:/([^/]+))?(?:/([a-z]+))?)?$`)

func account(id int, login string) object { return object{"id": id, "login": login, "type": "User"} }

func shaOf(n int) string { return fmt.Sprintf("%040x", n) }

// openPull is a row of the list: #n by one of fifty authors.
func openPull(n int) object {
	author := account(1000+n%50, fmt.Sprintf("author-%d", n%50))
	return object{
		"number": n, "html_url": fmt.Sprintf("https://forge/%d", n), "title": "bump", "state": "open", "draft": false, "labels": []object{},
		"user": author, "created_at": stamp(n), "updated_at": stamp(n), "merged_at": nil, "merge_commit_sha": shaOf(1 << 20), "commits": 1,
		"head": object{"ref": fmt.Sprintf("bump-%d", n), "sha": shaOf(n), "repo": object{"id": 99}},
		"base": object{"ref": "main", "sha": shaOf(0), "repo": object{"id": 99}},
	}
}

func stamp(minutes int) string {
	return time.Date(2026, 1, 2, 3, minutes, 0, 0, time.UTC).Format(time.RFC3339)
}

func newForge(t *testing.T, pulls int) *forge {
	t.Helper()
	f := &forge{
		server: newServer(t), timelines: map[string][]object{}, reviews: map[string][]object{}, activity: map[string][]object{},
		level: map[string]string{}, wrong: map[string]int{},
	}
	f.onPage = func(string) {}
	for n := pulls; n > 0; n-- {
		f.pulls = append(f.pulls, openPull(n))
	}
	f.Config.Handler = http.HandlerFunc(f.serve)
	return f
}

// pull is #n as the list shows it.
func (f *forge) pull(n int) object {
	i := slices.IndexFunc(f.pulls, func(p object) bool { return p["number"] == n })
	return f.pulls[i]
}

// change changes #n as something done to it would: what is already answered stays.
func (f *forge) change(n int, to object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.pulls, func(p object) bool { return p["number"] == n })
	f.pulls[i] = maps.Clone(f.pulls[i])
	f.pulls[i]["updated_at"] = stamp(10_000)
	maps.Copy(f.pulls[i], to)
}

func (f *forge) remove(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pulls = slices.DeleteFunc(slices.Clone(f.pulls), func(p object) bool { return p["number"] == n })
}

// since empties the record and returns it, counted.
func (f *forge) since() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	counts := map[string]int{}
	for _, a := range f.answered {
		counts[a]++
	}
	f.answered = nil
	return counts
}

func (f *forge) serve(w http.ResponseWriter, r *http.Request) {
	m := resource.FindStringSubmatch(r.URL.Path)
	kind, key := "unknown", ""
	if m != nil {
		kind, key = strings.Trim(m[1]+" "+m[3], " "), m[2]
	}
	page := r.URL.Query().Get("page")
	if kind == "pulls" && key == "" {
		kind = "list"
		f.onPage(page)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	body, next := f.body(kind, key, r)
	code := http.StatusOK
	if wrong := f.wrong[strings.TrimSpace(kind+" "+key)]; wrong != 0 {
		body, code = nil, wrong
	}
	text, _ := json.Marshal(body)
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(text))
	switch {
	case body == nil && code == http.StatusOK:
		code, text = http.StatusNotFound, []byte(`{"message":"Not Found"}`)
	case body == nil:
		text = []byte(`{"message":"as you wish"}`)
	case r.Header.Get("If-None-Match") == tag:
		code, text = http.StatusNotModified, nil
	}
	if code < 400 {
		w.Header().Set("ETag", tag)
	}
	if next > 0 && code == http.StatusOK {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=100&page=%d>; rel="next"`, f.URL, r.URL.Path, next))
	}
	f.answered = append(f.answered, fmt.Sprintf("%d %s", code, kind))
	w.WriteHeader(code)
	_, _ = w.Write(text)
}

// body is what there is at an address; nil: nothing.
func (f *forge) body(kind, key string, r *http.Request) (body any, next int) {
	paged := func(rows []object) (any, int) {
		number, size := 1, 30
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &number)
		_, _ = fmt.Sscan(r.URL.Query().Get("per_page"), &size)
		from, to := min((number-1)*size, len(rows)), min(number*size, len(rows))
		if to < len(rows) {
			next = number + 1
		}
		return append([]object{}, rows[from:to]...), next
	}
	switch kind {
	case "":
		return object{"id": 99, "full_name": "dora/jjh"}, 0
	case "list":
		if q := r.URL.Query(); q.Get("state") != "open" || q.Get("base") != "main" {
			return nil, 0
		}
		rows := slices.Clone(f.pulls)
		if r.URL.Query().Get("direction") == "asc" {
			slices.Reverse(rows)
		}
		return paged(rows)
	case "pulls":
		for _, p := range f.pulls {
			if fmt.Sprint(p["number"]) == key {
				return p, 0
			}
		}
	case "pulls commits":
		for _, p := range f.pulls {
			if fmt.Sprint(p["number"]) == key {
				return []object{{"sha": p["head"].(object)["sha"], "author": p["user"], "committer": p["user"]}}, 0
			}
		}
	case "pulls reviews":
		return paged(f.reviews[key])
	case "issues timeline":
		return paged(f.timelines[key])
	case "activity":
		if !f.noTimes {
			rows := slices.Clone(f.activity[r.URL.Query().Get("ref")])
			if r.URL.Query().Get("direction") == "asc" {
				slices.Reverse(rows)
			}
			return paged(rows)
		}
	case "collaborators permission":
		id, level := 0, f.level[key]
		if _, err := fmt.Sscanf(key, "author-%d", &id); err == nil {
			id += 1000
		} else {
			id = map[string]int{"alice": 2, "bob": 3, "carol": 4}[key]
		}
		if level == "" {
			level = "write"
		}
		return object{"permission": level, "role_name": level, "user": account(id, key)}, 0
	}
	return nil, 0
}

// labelled puts the canary label on #n at a minute, by somebody.
func (f *forge) labelled(n int, by object, minute int) {
	f.change(n, object{"labels": []object{{"name": "bug"}, {"name": "Banksman/Canary"}}})
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprint(n)
	f.timelines[key] = append(f.timelines[key], object{"event": "labeled", "actor": by, "created_at": stamp(minute), "label": object{"name": "banksman/canary", "color": "ededed"}})
}

// pushed records that the head of #n came at a minute.
func (f *forge) pushed(n, minute int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ref := fmt.Sprintf("refs/heads/bump-%d", n)
	f.activity[ref] = append([]object{{
		"id": n, "ref": ref, "before": shaOf(0), "after": f.pull(n)["head"].(object)["sha"],
		"timestamp": stamp(minute), "activity_type": "push", "actor": account(1000, "author-0"),
	}}, f.activity[ref]...)
}

func (f *forge) reviewed(n, id int, by object, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprint(n)
	f.reviews[key] = append(slices.Clone(f.reviews[key]), object{
		"id": id, "user": by, "state": state, "commit_id": f.pull(n)["head"].(object)["sha"], "submitted_at": stamp(id),
	})
}
