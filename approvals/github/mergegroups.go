package github

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	gogithub "github.com/google/go-github/v60/github"

	"banksman.dev/approvals"
)

const (
	queueBranches  = "heads/gh-readonly-queue/"
	mostGroupPages = 10
	// A queue builds at most 100 groups at a time; left-over branches come to them.
	mostGroups = 1000
)

// MergeGroups are the groups in the branch's merge queue, those with the lowest
// pull requests first. A branch below gh-readonly-queue/ whose name or commit
// does not read as a group's is left out. A repository without a queue has none,
// unless somebody made such branches by hand: nothing may be decided by a group.
//
// While nothing changes it costs one conditional request.
func (c *Client) MergeGroups(ctx context.Context, branch string) ([]approvals.MergeGroup, error) {
	if !isBranch(branch) {
		return nil, fmt.Errorf("list the merge queue: %q is not the name of a branch", clip(branch))
	}
	refs, err := c.queueRefs(ctx, branch)
	if err != nil {
		return nil, fmt.Errorf("list the merge queue of %s: %w", branch, err)
	}
	return mergeGroups(branch, refs), nil
}

// isBranch keeps a name from becoming another address.
func isBranch(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || strings.Contains(part, "..") {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

// queueRef is a branch below gh-readonly-queue/.
type queueRef struct {
	name string // refs/heads/…
	sha  string
}

// queueRefs reads the branches. GitHub's list has no pages by its description,
// but a header that may link some.
func (c *Client) queueRefs(ctx context.Context, branch string) ([]queueRef, error) {
	var refs []queueRef
	o := &gogithub.ReferenceListOptions{Ref: queueBranches + branch + "/"}
	for range mostGroupPages {
		some, resp, err := c.rest.Git.ListMatchingRefs(ctx, c.owner, c.repo, o)
		if err != nil {
			return nil, bare(err)
		}
		for _, r := range some {
			refs = append(refs, queueRef{r.GetRef(), r.GetObject().GetSHA()})
		}
		if len(refs) > mostGroups {
			break
		}
		if resp.NextPage <= o.Page {
			return refs, nil
		}
		o.Page = resp.NextPage
	}
	return nil, problemf("there are more than %d branches below gh-readonly-queue/%s/, which are not all read; delete the old ones", mostGroups, branch)
}

var (
	groupForm = regexp.MustCompile(`^pr-([1-9][0-9]{0,8})-([0-9a-f]{40})$`)
	shaForm   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// groupName is what the name of a group's branch says.
type groupName struct {
	pull int
	on   approvals.SHA // the commit it was built on
}

// parseGroup reads the name of a group's branch.
func parseGroup(branch, ref string) (groupName, bool) {
	last, ok := strings.CutPrefix(ref, "refs/"+queueBranches+branch+"/")
	m := groupForm.FindStringSubmatch(last)
	if !ok || m == nil {
		return groupName{}, false
	}
	pull, err := strconv.Atoi(m[1])
	return groupName{pull, approvals.SHA(m[2])}, err == nil
}

// mergeGroups reads the groups out of the branches. Of two with the same commit
// the group has the pull requests of both.
func mergeGroups(branch string, refs []queueRef) []approvals.MergeGroup {
	named := map[approvals.SHA][]groupName{}
	for _, r := range refs {
		name, ok := parseGroup(branch, r.name)
		if sha := approvals.SHA(r.sha); ok && shaForm.MatchString(r.sha) && name.on != sha && !slices.Contains(named[sha], name) {
			named[sha] = append(named[sha], name)
		}
	}
	var groups []approvals.MergeGroup
	for sha, names := range named {
		slices.SortFunc(names, func(a, b groupName) int { return cmp.Or(cmp.Compare(a.pull, b.pull), cmp.Compare(a.on, b.on)) })
		named[sha] = names
	}
	for sha := range named {
		groups = append(groups, group(sha, named))
	}
	slices.SortFunc(groups, func(a, b approvals.MergeGroup) int {
		return cmp.Or(slices.Compare(a.Pulls, b.Pulls), cmp.Compare(a.SHA, b.SHA))
	})
	return groups
}

// group follows a commit to those it was built on, each once: names can be made
// to go round in a circle.
func group(sha approvals.SHA, named map[approvals.SHA][]groupName) approvals.MergeGroup {
	g := approvals.MergeGroup{SHA: sha}
	pulls, seen := map[int]bool{}, map[approvals.SHA]bool{sha: true}
	for next := []approvals.SHA{sha}; len(next) > 0; next = next[1:] {
		for _, n := range named[next[0]] {
			pulls[n.pull] = true
			switch {
			case named[n.on] == nil:
				g.Base = max(g.Base, n.on) // two only for two branches of one commit
			case !seen[n.on]:
				seen[n.on] = true
				next = append(next, n.on)
			}
		}
	}
	g.Pulls = slices.Sorted(maps.Keys(pulls))
	return g
}
