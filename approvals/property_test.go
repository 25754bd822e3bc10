package approvals

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var everybody = []User{author, alice, bob, carol, robot, erin}

func anyReview(t *rapid.T, id int64) Review {
	u := rapid.SampledFrom(everybody).Draw(t, "user")
	r := review(id, u, rapid.SampledFrom([]ReviewState{
		ReviewApproved, ReviewApproved, ReviewChangesRequested, ReviewCommented, ReviewDismissed, ReviewPending,
	}).Draw(t, "state"))
	r.Commit = rapid.SampledFrom([]SHA{head, head, head, older, ""}).Draw(t, "of")
	r.SubmittedAt = at(rapid.IntRange(1, 3).Draw(t, "minute"))
	return r
}

func anyPolicy(t *rapid.T) Policy {
	logins := []string{"alice", "Bob", "carol", "erin"}
	some := func(what string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(logins), 0, 2, rapid.ID).Draw(t, what)
	}
	p := Policy{Any: rapid.IntRange(0, 2).Draw(t, "any"), All: some("all"), Users: some("users")}
	if rapid.Bool().Draw(t, "team") {
		p.Teams = []string{"owners"}
	}
	return p
}

func anyWorld(t *rapid.T) Facts {
	n := rapid.IntRange(0, 6).Draw(t, "reviews")
	var reviews []Review
	for i := range n {
		reviews = append(reviews, anyReview(t, int64(i+1)))
	}
	f := world(reviews...)
	f.Members = map[string]map[UserID]bool{"owners": {}}
	for _, u := range everybody {
		f.CanWrite[u.ID] = rapid.IntRange(0, 3).Draw(t, "writes") > 0
		f.Members["owners"][u.ID] = rapid.Bool().Draw(t, "member")
	}
	p := &f.Pulls[0]
	p.CommitCount = rapid.IntRange(1, 3).Draw(t, "commits")
	p.Commits = commits(p.CommitCount)
	for i := range p.Commits {
		if rapid.IntRange(0, 4).Draw(t, "stranger") == 0 {
			u := rapid.SampledFrom(everybody).Draw(t, "maker")
			p.Commits[i].Author = &u
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "run") == 0 {
		p.MergeCommit, f.Following = third, []SHA{third}
	}
	return f
}

func copied(f Facts) Facts {
	f.Pulls = slices.Clone(f.Pulls)
	for i := range f.Pulls {
		f.Pulls[i].Reviews = slices.Clone(f.Pulls[i].Reviews)
		f.Pulls[i].Commits = slices.Clone(f.Pulls[i].Commits)
	}
	f.CanWrite = maps.Clone(f.CanWrite)
	members := map[string]map[UserID]bool{}
	for team, in := range f.Members {
		members[team] = maps.Clone(in)
	}
	f.Members = members
	return f
}

// The generator must reach every state, or the properties below say little.
func TestGeneratedWorldsReachEveryState(t *testing.T) {
	seen := map[State]bool{}
	rapid.Check(t, func(t *rapid.T) {
		seen[Judge(anyWorld(t), anyPolicy(t)).State] = true
		seen[Judge(withoutOne(t, anyWorld(t)), anyPolicy(t)).State] = true
	})
	for _, s := range []State{Unknown, Waiting, Blocked, Approved} {
		if !seen[s] {
			t.Errorf("no generated world is %s", s)
		}
	}
}

func TestARefusalByAWriterNeverApproves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := anyWorld(t), anyPolicy(t)
		f.CanWrite[bob.ID] = true
		refusal := review(50, bob, ReviewChangesRequested)
		refusal.Commit = rapid.SampledFrom([]SHA{head, older, ""}).Draw(t, "of")
		f.Pulls[0].Reviews = append(f.Pulls[0].Reviews, refusal)
		if v := Judge(f, p); v.State == Approved {
			t.Fatalf("approved: %s", v.Reason)
		}
	})
}

// withoutOne takes away one datum of the kind that a forge may fail to give.
func withoutOne(t *rapid.T, f Facts) Facts {
	f = copied(f)
	p := &f.Pulls[0]
	switch rapid.IntRange(0, 11).Draw(t, "taken") {
	case 0:
		delete(f.CanWrite, rapid.SampledFrom(everybody).Draw(t, "whose").ID)
	case 1:
		delete(f.Members["owners"], rapid.SampledFrom(everybody).Draw(t, "whose").ID)
	case 2:
		i := rapid.IntRange(0, len(p.Commits)-1).Draw(t, "commit")
		p.Commits = slices.Delete(p.Commits, i, i+1)
	case 3:
		p.Commits[rapid.IntRange(0, len(p.Commits)-1).Draw(t, "commit")].Author = nil
	case 4:
		p.Head = ""
	case 5:
		p.MergeCommit = ""
	case 6:
		p.CommitCount = 0
	case 7:
		f.Pulls = nil
	case 8:
		f.Repository = 0
	case 9:
		p.Author = nil
	default:
		if len(p.Reviews) == 0 {
			f.Problem = "not read"
			break
		}
		r := &p.Reviews[rapid.IntRange(0, len(p.Reviews)-1).Draw(t, "review")]
		u := User{}
		if r.User != nil {
			u = *r.User
		}
		r.User = &u
		switch rapid.IntRange(0, 3).Draw(t, "part") {
		case 0:
			u.ID = 0
		case 1:
			u.Type = ""
		case 2:
			r.Commit = ""
		default:
			r.State = ""
		}
	}
	return f
}

func TestWhatIsMissingNeverApproves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := anyWorld(t), anyPolicy(t)
		before := Judge(f, p)
		if after := Judge(withoutOne(t, f), p); before.State != Approved && after.State == Approved {
			t.Fatalf("%s: %s became approved: %s", before.State, before.Reason, after.Reason)
		}
	})
}

func TestAnyProblemIsUnknown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyWorld(t)
		f.Problem = "not read"
		if v := Judge(f, anyPolicy(t)); v.State != Unknown {
			t.Fatalf("%s: %s", v.State, v.Reason)
		}
	})
}

func TestTheOrderOfTheListDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := anyWorld(t), anyPolicy(t)
		before := Judge(f, p)
		f.Pulls[0].Reviews = rapid.Permutation(f.Pulls[0].Reviews).Draw(t, "order")
		if after := Judge(f, p); !reflect.DeepEqual(before, after) {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

func TestACommentNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := anyWorld(t), anyPolicy(t)
		before := Judge(f, p)
		r := anyReview(t, 60)
		r.State = ReviewCommented
		r.SubmittedAt = at(rapid.IntRange(0, 9).Draw(t, "when"))
		i := rapid.IntRange(0, len(f.Pulls[0].Reviews)).Draw(t, "where")
		f.Pulls[0].Reviews = slices.Insert(slices.Clone(f.Pulls[0].Reviews), i, r)
		if after := Judge(f, p); !reflect.DeepEqual(before, after) {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

func TestTheStricterOfTwoIsMetExactlyWhenBothAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p, floor := anyWorld(t), anyPolicy(t), anyPolicy(t)
		both := Judge(f, p).State == Approved && Judge(f, floor).State == Approved
		strict := p.AtLeast(floor)
		if v := Judge(f, strict); (v.State == Approved) != both {
			t.Fatalf("%s at least %s is %s: %s", p, floor, strict, v.Reason)
		}
		if again := strict.AtLeast(floor); !reflect.DeepEqual(again, strict) {
			t.Fatalf("%s became %s", strict, again)
		}
	})
}

func TestApprovedNeedsEnoughPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, p := anyWorld(t), anyPolicy(t)
		v := Judge(f, p)
		if v.State != Approved {
			return
		}
		people := map[UserID]bool{}
		for _, a := range v.Approvers {
			people[a.UserID] = true
			if !f.CanWrite[a.UserID] || a.UserID == author.ID || a.UserID == robot.ID {
				t.Fatalf("%s approved", a.Login)
			}
		}
		if len(people) < max(1, p.Any, len(p.All)) {
			t.Fatalf("%d people for %s", len(people), fmt.Sprint(p))
		}
	})
}
