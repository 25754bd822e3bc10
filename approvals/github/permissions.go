package github

import (
	"context"
	"fmt"

	"banksman.dev/approvals"
)

// access is what an account may do in the repository. It is not known when
// the login belongs to another account by now.
type access struct{ known, canWrite bool }

// permission asks for an account's permission now.
func (c *Client) permission(ctx context.Context, u approvals.User) (access, error) {
	if !loginForm.MatchString(u.Login) {
		return access{}, problemf("%q, who reviewed, is not a login", clip(u.Login))
	}
	level, _, err := c.rest.Repositories.GetPermissionLevel(ctx, c.owner, c.repo, u.Login)
	if err != nil {
		return access{}, fmt.Errorf("ask whether %s has write permission: %w", u.Login, bare(err))
	}
	if approvals.UserID(level.GetUser().GetID()) != u.ID {
		return access{}, nil
	}
	// GitHub shows "maintain" and custom roles here as what they amount to.
	may := level.GetPermission()
	return access{known: true, canWrite: may == "admin" || may == "write"}, nil
}

// recentPermission is permission as it was at most refreshAfter ago; older only
// when the look may read nothing more.
func (c *Client) recentPermission(l *look) func(context.Context, approvals.User) (access, error) {
	return func(ctx context.Context, u approvals.User) (access, error) {
		return recent(l, c, &c.permissions, u, func() (access, error) { return c.permission(ctx, u) },
			problemf("whether %s has write permission is not read yet; it is at the next look", u.Login))
	}
}

// membershipOf is a question for a membership.
type membershipOf struct {
	team string
	user approvals.User
}

// recentMembership is isMember as it was at most refreshAfter ago.
func (c *Client) recentMembership(l *look) func(context.Context, string, approvals.User) (bool, error) {
	return func(ctx context.Context, team string, u approvals.User) (bool, error) {
		return recent(l, c, &c.teams, membershipOf{team, u}, func() (bool, error) { return c.isMember(ctx, team, u) },
			problemf("whether %s is in team %s is not read yet; it is at the next look", u.Login, team))
	}
}

func recent[K comparable, V any](l *look, c *Client, in *known[K, dated[V]], key K, ask func() (V, error), unread error) (V, error) {
	before, ok := in.get(key)
	if ok && !l.fresh && c.now().Sub(before.at) < refreshAfter {
		return before.value, nil
	}
	var v V
	if !l.take() {
		if ok && !l.fresh {
			return before.value, nil
		}
		return v, unread
	}
	v, err := ask()
	if err == nil {
		in.put(key, dated[V]{v, c.now()})
	}
	return v, err
}

// canPropose says whether an account is a person with write permission.
func (c *Client) canPropose(ctx context.Context, u approvals.User, l *look) (bool, error) {
	if u.Type != approvals.TypeUser { // its login is none that GitHub could be asked for
		return false, nil
	}
	if !loginForm.MatchString(u.Login) {
		return false, problemf("%q is not a login", clip(u.Login))
	}
	p, err := c.recentPermission(l)(ctx, u)
	if err == nil && !p.known {
		err = problemf("cannot tell whether %s has write permission", u.Login)
	}
	return p.canWrite, err
}
