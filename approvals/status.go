package approvals

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// StatusState is GitHub's word for the state of a commit status.
type StatusState string

// The states of a commit status.
const (
	Pending StatusState = "pending"
	Success StatusState = "success"
	Failure StatusState = "failure"
	Error   StatusState = "error"
)

// Status is a commit status. Two equal ones need to be posted once.
type Status struct {
	Context     string
	State       StatusState
	Description string
	TargetURL   string
}

// longestDescription is in characters. GitHub answers 422 to more, which its
// OpenAPI description does not say.
const longestDescription = 140

// NewStatus makes a status that GitHub takes: the description becomes one line of
// at most 140 characters, cut between two words if it must be cut.
func NewStatus(context string, state StatusState, description, targetURL string) Status {
	return Status{Context: context, State: state, Description: fit(description, longestDescription), TargetURL: targetURL}
}

const ellipsis = "…"

// fit cuts between words, and inside one only when that word alone is too long.
func fit(s string, most int) string {
	words := strings.FieldsFunc(strings.ToValidUTF8(s, "�"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
	line := strings.Join(words, " ")
	if utf8.RuneCountInString(line) <= most {
		return line
	}
	room := most - 1 // for the ellipsis
	kept, length := 0, 0
	for _, w := range words {
		n := utf8.RuneCountInString(w)
		if kept > 0 {
			n++
		}
		if length+n > room {
			break
		}
		kept, length = kept+1, length+n
	}
	if kept == 0 {
		return string([]rune(words[0])[:room]) + ellipsis
	}
	return strings.TrimRight(strings.Join(words[:kept], " "), ",;:") + ellipsis
}
