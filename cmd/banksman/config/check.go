package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// check is what no part of the file can be told alone.
func (r *reader) check() {
	targets := r.checkNotifications()
	r.checkNames()
	r.checkStatuses()
	for i, repo := range r.read.Repositories {
		for k, name := range repo.Notify {
			if list := r.asked[i]; name != "" && !slices.Contains(targets, name) && k < len(list.Content) {
				try := "add it to notifications"
				if len(targets) > 0 {
					try = instead(name, targets)
				}
				r.fault(list.Content[k], fmt.Sprintf("no notification %q", name), try)
			}
		}
	}
}

func (r *reader) checkNotifications() (names []string) {
	for i, target := range r.read.Notifications {
		if target.Name != "" && slices.Contains(names, target.Name) {
			r.fault(r.notifications[i], fmt.Sprintf("two notifications have the name %s", target.Name), "give one another name")
		}
		names = append(names, target.Name)
	}
	return names
}

// checkNames: the name tells the sources' objects apart in the cluster.
func (r *reader) checkNames() {
	first := map[string]int{}
	for i, repo := range r.read.Repositories {
		earlier, found := first[repo.Name]
		switch {
		case !found:
			first[repo.Name] = r.repositories[i].Line
		case repo.Name == "":
			r.fault(r.repositories[i], fmt.Sprintf("two repositories have no name, the first on line %d", earlier),
				"give each but one a name; changing a name later hands its services to nobody")
		default:
			r.fault(r.repositories[i], fmt.Sprintf("two repositories have the name %s, the first on line %d", repo.Name, earlier),
				"give one another name")
		}
	}
}

// checkStatuses: two sources that write the same statuses to the same commits
// would take turns with them forever.
func (r *reader) checkStatuses() {
	first := map[[3]string]int{}
	for i, repo := range r.read.Repositories {
		forge, err := ForgeOf(repo.URL, apiFor(r.read, repo))
		if repo.URL == "" || r.address(err, r.repositories[i], nil) {
			continue
		}
		key := [3]string{
			strings.ToLower(forge.API), strings.ToLower(forge.Owner + "/" + forge.Name), cmp.Or(repo.Environment, r.read.Environment),
		}
		if earlier, found := first[key]; found {
			r.fault(r.repositories[i], fmt.Sprintf("the repository of line %d stands here again with the same environment: their commit statuses would have the same names", earlier),
				"give one of them another environment")
			continue
		}
		first[key] = r.repositories[i].Line
	}
}

// address faults an address of a forge, at the repository's url or at the api.
// An api that does not suit is faulted where it stands, once.
func (r *reader) address(err error, repository, api *yaml.Node) bool {
	var wrong *AddressError
	if !errors.As(err, &wrong) {
		return false
	}
	at, name := api, "api"
	if !wrong.OfAPI {
		at, name = valueOf(repository, "url"), "url"
	}
	if at == nil {
		return true
	}
	try := "remove it, and give the token by github.tokenFile or github.app"
	switch {
	case wrong.Try != "":
		try = "write it as " + name + ": " + wrong.Try
	case strings.HasSuffix(wrong.Problem, "unencrypted"):
		try = "use https; http is for this machine only"
	}
	r.fault(at, name+" "+wrong.Problem, try)
	return true
}

// valueOf is where the value of a key stands.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolve(n.Content[i+1])
		}
	}
	return n
}
