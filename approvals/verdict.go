package approvals

// State is what the reviews come to.
type State int

// The states of a verdict. The zero value approves nothing.
const (
	Unknown  State = iota // something could not be read
	Waiting               // a review is missing
	Blocked               // somebody must act, and a further approval is not enough
	Approved              // the policy is met
)

// String is the state in lower case.
func (s State) String() string {
	switch s {
	case Unknown:
		return "unknown"
	case Waiting:
		return "waiting"
	case Blocked:
		return "blocked"
	case Approved:
		return "approved"
	}
	return "unknown"
}

// Approver is a person whose approval counted.
type Approver struct {
	Login    string
	UserID   UserID
	ReviewID int64
}

// Verdict is what the reviews say of a commit.
type Verdict struct {
	State          State
	Reason         string   // one sentence for a person, without a full stop
	Waits          []string // on whom: "alice", "1 more reviewer with write permission"
	Commit         SHA
	PullRequest    int // 0 when there is not exactly one
	PullRequestURL string
	// PullRequestHead is the newest commit of that pull request's own branch.
	PullRequestHead SHA
	Approvers       []Approver // sorted by login
}
