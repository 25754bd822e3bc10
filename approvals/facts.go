package approvals

import "time"

// SHA names a commit: 40 lower-case hex digits, "" when unknown.
type SHA string

// Short is the first seven digits, for people.
func (s SHA) Short() string {
	const digits = 7
	if len(s) < digits {
		return string(s)
	}
	return string(s[:digits])
}

// UserID is the forge's number of an account. It outlives renames; a login can
// be given up and registered by somebody else.
type UserID int64

// UserType is the forge's word for the kind of an account.
type UserType string

// TypeUser is a person. Every other type is never counted.
const TypeUser UserType = "User"

// User is an account.
type User struct {
	ID    UserID
	Login string
	Type  UserType
}

// ReviewState is GitHub's word for what a review says.
type ReviewState string

// The review states of GitHub's REST API.
const (
	ReviewApproved         ReviewState = "APPROVED"
	ReviewChangesRequested ReviewState = "CHANGES_REQUESTED"
	ReviewCommented        ReviewState = "COMMENTED"
	ReviewDismissed        ReviewState = "DISMISSED"
	ReviewPending          ReviewState = "PENDING"
)

// Review is one row of a pull request's reviews. Dismissing a review changes
// its State and keeps its ID.
type Review struct {
	ID          int64
	User        *User // nil: the account is gone
	State       ReviewState
	Commit      SHA       // the head that was reviewed; "" when the forge no longer knows
	SubmittedAt time.Time // zero while pending
}

// PullCommit is a commit of a pull request. Author and Committer are nil where
// the forge knows no account for the commit's e-mail address.
type PullCommit struct {
	SHA               SHA
	Author, Committer *User
}

// PullRequest is what the forge says about one pull request.
type PullRequest struct {
	Number         int
	URL, Title     string
	Open, Merged   bool // neither: closed without a merge
	MergedAt       time.Time
	MergeCommit    SHA // the branch commit it became; of a rebased run the last one; "" unless Merged
	Head           SHA
	Base           string // branch name
	BaseRepository int64
	Author         *User        // nil: the account is gone
	CommitCount    int          // as the forge counts them; Commits must be as many
	Commits        []PullCommit // oldest first
	Reviews        []Review
}

// Facts are what the forge says about one commit of a branch, or about the head
// of a pull request into that branch.
type Facts struct {
	Commit     SHA
	Branch     string
	Repository int64
	// Following are the first-parent commits of the branch after Commit, oldest
	// first: a pull request merged by rebasing names only the last of its run.
	Following []SHA
	Pulls     []PullRequest
	// CanWrite has an entry for all that PullRequest.Askers and Candidates name.
	CanWrite map[UserID]bool
	// Members says by team, in lower case, who is in it: for each team that the
	// policy names an entry for all that PullRequest.Candidates names.
	Members map[string]map[UserID]bool
	// Problem says why a datum is missing, as a sentence; "" when none is.
	Problem string
}
