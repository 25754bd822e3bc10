package approvals

// MergeGroup is a commit that GitHub's merge queue made to try what a branch
// would become. A branch that requires a queue reads its required statuses from
// this commit, not only from the heads of the pull requests.
//
// GitHub says nothing about a group but the name of its temporary branch,
// gh-readonly-queue/BRANCH/pr-NUMBER-SHA: the last pull request in it, and the
// commit that it was built on, which is the branch's or that of the group ahead.
// Sources: docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue
// for the branch's name; what its SHA means is reported, not documented.
type MergeGroup struct {
	SHA SHA
	// Pulls are the pull requests whose content the group holds beyond Base: the
	// one of its own name and those of the groups ahead of it. Sorted, never empty.
	Pulls []int
	// Base is what the first of them was built on. A Base that is not a commit of
	// the branch is that of a group that is gone, and Pulls are not all of them.
	// The branch of a group may outlive it: then the branch has its pull requests.
	Base SHA
}
