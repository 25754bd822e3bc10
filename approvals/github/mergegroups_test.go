package github

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"banksman.dev/approvals"
)

func ref(branch string, pull int, on, sha string) queueRef {
	return queueRef{fmt.Sprintf("refs/heads/gh-readonly-queue/%s/pr-%d-%s", branch, pull, on), sha}
}

func TestAGroupHoldsThePullRequestsAheadOfIt(t *testing.T) {
	a, b, c, d, tip := shaOf(10), shaOf(11), shaOf(12), shaOf(13), shaOf(1)
	group := func(sha, base string, pulls ...int) approvals.MergeGroup {
		return approvals.MergeGroup{SHA: approvals.SHA(sha), Base: approvals.SHA(base), Pulls: pulls}
	}
	for _, row := range []struct {
		name, branch string
		refs         []queueRef
		want         []approvals.MergeGroup
	}{
		{"nothing", "main", nil, nil},
		{"one", "main", []queueRef{ref("main", 7, tip, a)}, []approvals.MergeGroup{group(a, tip, 7)}},
		{
			"three behind each other, in any order", "main",
			[]queueRef{ref("main", 3, b, c), ref("main", 9, tip, a), ref("main", 4, a, b)},
			[]approvals.MergeGroup{group(c, tip, 3, 4, 9), group(b, tip, 4, 9), group(a, tip, 9)},
		},
		{
			"two on the branch, one rebuilt", "main",
			[]queueRef{ref("main", 4, tip, b), ref("main", 4, a, c), ref("main", 9, tip, a)},
			[]approvals.MergeGroup{group(b, tip, 4), group(c, tip, 4, 9), group(a, tip, 9)},
		},
		{"one whose group ahead is gone", "main", []queueRef{ref("main", 4, a, b)}, []approvals.MergeGroup{group(b, a, 4)}},
		{
			"a branch with slashes", "release/1.x",
			[]queueRef{ref("release/1.x", 4, tip, a), ref("release", 5, tip, b), ref("release/1.x/y", 6, tip, c)},
			[]approvals.MergeGroup{group(a, tip, 4)},
		},
		{
			"two branches of one commit", "main",
			[]queueRef{ref("main", 4, tip, a), ref("main", 5, tip, a)},
			[]approvals.MergeGroup{group(a, tip, 4, 5)},
		},
		{
			"a circle ends", "main",
			[]queueRef{ref("main", 4, b, a), ref("main", 5, a, b), ref("main", 6, c, c), ref("main", 7, b, d)},
			[]approvals.MergeGroup{group(a, "", 4, 5), group(b, "", 4, 5), group(d, "", 4, 5, 7)},
		},
		{"what does not read as a group", "main", []queueRef{
			{"refs/heads/gh-readonly-queue/main/pr-0-" + tip, a},
			{"refs/heads/gh-readonly-queue/main/pr-007-" + tip, a},
			{"refs/heads/gh-readonly-queue/main/pr--1-" + tip, a},
			{"refs/heads/gh-readonly-queue/main/pr-9999999999-" + tip, a},
			{"refs/heads/gh-readonly-queue/main/pr-1-" + tip[:39], a},
			{"refs/heads/gh-readonly-queue/main/pr-1-" + tip + "0", a},
			{"refs/heads/gh-readonly-queue/main/pr-1-" + tip + "\n", a},
			{"refs/heads/gh-readonly-queue/main/pr-1-" + strings.ToUpper(shaOf(0xabc)), a},
			{"refs/heads/gh-readonly-queue/main/x/pr-1-" + tip, a},
			{"refs/heads/gh-readonly-queue/mainpr-1-" + tip, a},
			{"refs/tags/gh-readonly-queue/main/pr-1-" + tip, a},
			ref("main", 1, tip, ""), ref("main", 1, tip, a[:39]), ref("main", 1, tip, strings.ToUpper(shaOf(0xabc))), ref("main", 1, a, a),
			{"", ""},
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := mergeGroups(row.branch, row.refs); !reflect.DeepEqual(got, row.want) {
				t.Errorf("got  %v\nwant %v", got, row.want)
			}
		})
	}
}

// FuzzMergeGroups: whatever the refs are called, each group is a commit among
// them, its pull requests are among the names, and everything is sorted.
func FuzzMergeGroups(f *testing.F) {
	f.Add("main", "refs/heads/gh-readonly-queue/main/pr-1-"+shaOf(1)+" "+shaOf(2)+"\nrefs/heads/gh-readonly-queue/main/pr-2-"+shaOf(2)+" "+shaOf(3))
	f.Add("a/b", "refs/heads/gh-readonly-queue/a/b/pr-12-"+shaOf(1)+" "+shaOf(1))
	f.Add("", "refs/heads/gh-readonly-queue//pr-1- x")
	f.Fuzz(func(t *testing.T, branch, lines string) {
		var refs []queueRef
		for line := range strings.SplitSeq(lines, "\n") {
			name, sha, _ := strings.Cut(line, " ")
			refs = append(refs, queueRef{name, sha})
		}
		groups := mergeGroups(branch, refs)
		for i, g := range groups {
			if len(g.Pulls) == 0 || !slices.IsSorted(g.Pulls) || g.Pulls[0] < 1 || len(slices.Compact(slices.Clone(g.Pulls))) != len(g.Pulls) {
				t.Errorf("pull requests %v", g.Pulls)
			}
			if !slices.ContainsFunc(refs, func(r queueRef) bool { return r.sha == string(g.SHA) }) || len(g.SHA) != 40 {
				t.Errorf("a group of %q", g.SHA)
			}
			if slices.ContainsFunc(groups[:i], func(o approvals.MergeGroup) bool { return o.SHA == g.SHA }) {
				t.Errorf("%s is there twice", g.SHA)
			}
			for _, n := range g.Pulls {
				if !strings.Contains(lines, fmt.Sprintf("/pr-%d-", n)) {
					t.Errorf("#%d comes from nowhere", n)
				}
			}
		}
		slices.Reverse(refs)
		if again := mergeGroups(branch, refs); !reflect.DeepEqual(again, groups) {
			t.Errorf("in another order %v, not %v", again, groups)
		}
	})
}

func TestAnAnswerAboutTheQueueIsNotTrusted(t *testing.T) {
	const address = "GET /repos/dora/jjh/git/matching-refs/heads/gh-readonly-queue/main/"
	many := make([]string, mostGroups+1)
	for i := range many {
		many[i] = fmt.Sprintf(`{"ref":"refs/heads/gh-readonly-queue/main/pr-%d-%s","object":{"sha":%q}}`, i+1, shaOf(0), shaOf(i+1))
	}
	for _, row := range []struct {
		name   string
		code   int
		body   string
		groups int
		said   string
	}{
		{"nothing", 200, `[]`, 0, ""},
		{"nulls", 200, `[null,{},{"ref":null,"object":null},{"ref":"refs/heads/gh-readonly-queue/main/pr-1-` + shaOf(1) + `"}]`, 0, ""},
		{"no list", 200, `{"message":"x"}`, 0, "ask GitHub"},
		{"an empty repository", 409, `{"message":"Git Repository is empty."}`, 0, "409: Git Repository is empty."},
		{"more than can be", 200, "[" + strings.Join(many, ",") + "]", 0, "more than 1000 branches below gh-readonly-queue/main/"},
		{"as many as can be", 200, "[" + strings.Join(many[1:], ",") + "]", mostGroups, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			s.replies(address, row.code, nil, row.body)
			groups, err := s.client(t).MergeGroups(t.Context(), "main")
			if len(groups) != row.groups || (err == nil) != (row.said == "") || err != nil && !strings.Contains(err.Error(), row.said) {
				t.Errorf("%d groups, error %v", len(groups), err)
			}
		})
	}
	t.Run("pages without an end", func(t *testing.T) {
		s := newServer(t)
		page := 1
		s.does(address, func(w http.ResponseWriter, _ *http.Request) {
			page++
			w.Header().Set("Link", fmt.Sprintf(`<x?page=%d>; rel="next"`, page))
			_, _ = w.Write([]byte("[]"))
		})
		if _, err := s.client(t).MergeGroups(t.Context(), "main"); err == nil || len(s.requests()) != mostGroupPages {
			t.Errorf("%d requests, error %v", len(s.requests()), err)
		}
	})
	t.Run("a page that leads to itself", func(t *testing.T) {
		s := newServer(t)
		s.replies(address, 200, map[string]string{"Link": `<x?page=99>; rel="next"`}, `[]`)
		if _, err := s.client(t).MergeGroups(t.Context(), "main"); err != nil || len(s.requests()) != 2 {
			t.Errorf("%d requests, error %v", len(s.requests()), err)
		}
	})
	for _, branch := range []string{"", "/", "a//b", "..", "a/../../../b", "a b", "a\n", "main/"} {
		s := newServer(t)
		if _, err := s.client(t).MergeGroups(t.Context(), branch); err == nil || len(s.requests()) != 0 {
			t.Errorf("branch %q: %d requests, error %v", branch, len(s.requests()), err)
		}
	}
}
