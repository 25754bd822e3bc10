package approvals

import (
	"strings"
	"time"
)

// CanaryFrom says which content may run as a canary.
type CanaryFrom string

// The ways to let canaries run.
const (
	CanaryFromBranch       CanaryFrom = "branch"        // merged content only
	CanaryFromLabel        CanaryFrom = "label"         // open pull requests with CanaryLabel, too
	CanaryFromPullRequests CanaryFrom = "pull-requests" // every open pull request, too
)

// CanaryLabel is the label that asks for a canary of an open pull request.
// GitHub compares labels without regard to case.
const CanaryLabel = "banksman/canary"

// Proposal is what the forge says about an open pull request whose content may
// run as a canary before it is merged.
type Proposal struct {
	Number                         int
	URL, Title                     string
	Head                           SHA
	HeadBranch                     string
	HeadRepository, BaseRepository int64  // HeadRepository is 0 when the fork was deleted
	Base                           string // branch name
	Draft, Closed                  bool
	Author                         *User // nil: the account is gone
	AuthorCanWrite                 bool
	CreatedAt                      time.Time
	UpdatedAt                      time.Time // of the forge's last change: a push, a review, a label, a comment
	Labelled                       *Labelled // nil: CanaryLabel is not on it
	// PushedAt is when, at the latest, the server saw the head; zero when unknown.
	// The dates of commits are their makers' and say nothing.
	PushedAt time.Time
	// ChangesRequestedBy are the logins of those with write permission whose
	// latest word is no, sorted.
	ChangesRequestedBy []string
	// Problem says why a datum is missing, as a sentence; "" when none is.
	Problem string
}

// Labelled is who put CanaryLabel on last.
type Labelled struct {
	By         User // the zero value when unknown
	ByCanWrite bool
	At         time.Time
}

// ProposalRules are what an open pull request must be like.
type ProposalRules struct {
	From    CanaryFrom
	Branch  string   // the one that is followed
	Authors []string // logins that may propose without write permission: "renovate[bot]"
}

// mayPropose: bots are taken by name only, whatever they may write.
func (r ProposalRules) mayPropose(u User, canWrite bool) bool {
	for _, login := range r.Authors {
		if strings.EqualFold(login, u.Login) {
			return true
		}
	}
	return canWrite && u.Type == TypeUser
}

// IsCanaryLabel says whether a label is CanaryLabel.
func IsCanaryLabel(name string) bool { return strings.EqualFold(name, CanaryLabel) }
