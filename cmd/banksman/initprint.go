package main

import (
	"fmt"
	"net/url"
	"strings"
)

// permissions are what banksman needs on GitHub, in GitHub's words and as its
// forms call them.
var permissions = []struct{ name, access, parameter, value, why string }{
	{"Contents", "read", "contents", "read", "the manifests"},
	{"Pull requests", "read", "pull_requests", "read", "the reviews"},
	{"Commit statuses", "read and write", "statuses", "write", "what it says of each commit"},
	{"Metadata", "read", "", "", "comes with the others"},
	{"Members", "read", "members", "read", "of the organization, where policies name teams"},
}

// printInit says what is made on GitHub, shows the catalog, and what comes next.
func (p *program) printInit(f initFlags, where forge, on ground, found catalogFound) error {
	var b strings.Builder
	sc := p.screen()
	head := func(n int, text string) { fmt.Fprintf(&b, "%s\n", sc.paint.in(bold, fmt.Sprintf("%d. %s", n, text))) }
	if f.githubApp {
		head(1, "A GitHub App for "+where.Owner+"/"+where.Name)
	} else {
		head(1, "A GitHub token for "+where.Owner+"/"+where.Name)
	}
	about := facts{out: &b, screen: sc}
	for _, one := range permissions {
		about.add("   "+one.name, cell{text: one.access + ": " + one.why})
	}
	about.print()
	for _, line := range onGitHub(f, where) {
		fmt.Fprintln(&b, "   "+line)
	}
	fmt.Fprintln(&b)
	head(2, catalogHeading(f, on, found))
	switch {
	case found.wrong != nil:
		fmt.Fprintf(&b, "   %s\n", indented(indented(printable(message(found.wrong)))))
	case !found.there && !found.written && found.services > 0:
		fmt.Fprintln(&b)
		b.Write(found.proposal.YAML())
	}
	fmt.Fprintln(&b)
	head(3, "Next")
	for _, line := range nextSteps(f, where, on, found) {
		fmt.Fprintln(&b, "   "+line)
	}
	return p.print(&b)
}

// onGitHub are the addresses of the forms. The parameters are GitHub's own:
// docs.github.com, "Pre-filling fine-grained personal access token details using
// URL parameters" and "Registering a GitHub App using URL parameters".
func onGitHub(f initFlags, where forge) []string {
	u, err := url.Parse(where.URL)
	if err != nil {
		return nil
	}
	host := u.Scheme + "://" + u.Host
	query := "name=banksman-" + url.QueryEscape(where.Owner) // an App's name is the only one of its kind
	for _, one := range permissions {
		if one.parameter != "" {
			query += "&" + one.parameter + "=" + one.value
		}
	}
	if !f.githubApp {
		return []string{
			"Choose " + where.Owner + " as its owner and this repository alone (Only select repositories):",
			host + "/settings/personal-access-tokens/new?" + query + "&target_name=" + url.QueryEscape(where.Owner),
		}
	}
	query += "&public=false&webhook_active=false&url=" + url.QueryEscape(where.URL)
	return []string{
		"For an organization:",
		host + "/organizations/" + url.PathEscape(where.Owner) + "/settings/apps/new?" + query,
		"For yourself:",
		host + "/settings/apps/new?" + query,
		"Then: Generate a private key (a .pem file), and Install App for this repository. The App's settings show its",
		"number (App ID); the address after installing it ends with the number of the installation.",
	}
}

func catalogHeading(f initFlags, on ground, found catalogFound) string {
	from := "of the branch " + f.branch
	if on.folder != "" {
		from = "in " + on.folder
	}
	switch {
	case found.wrong != nil:
		return "The catalog " + from + " cannot be read"
	case found.there:
		return fmt.Sprintf("The catalog: there is one %s, with %s", from, countOf(found.services, "service", "services"))
	case found.written:
		return fmt.Sprintf("The catalog: %s is written %s, with %s", catalogName, from, countOf(found.services, "service", "services"))
	case found.services > 0:
		return fmt.Sprintf("The catalog: %s, proposed for %s %s", catalogName, countOf(found.proposal.Files, "manifest", "manifests"), from)
	}
	return "The catalog: there is nothing to look at yet"
}

// nextSteps are commands to be copied.
func nextSteps(f initFlags, where forge, on ground, found catalogFound) (lines []string) {
	dir := on.folder
	if dir == "" {
		dir = "."
	}
	again := "banksman init --repo " + f.repoWord(where)
	switch {
	case found.services == 0 && found.wrong == nil:
		lines = append(lines, "git clone "+where.URL, again+" --path "+where.Name)
		return lines
	case on.folder == "" && !found.there:
		lines = append(lines, "git clone "+where.URL, again+" --path "+where.Name+" --write", "banksman validate "+where.Name)
		dir = where.Name
	case !found.there && !found.written:
		lines = append(lines, again+" --path "+dir+" --write", "banksman validate "+dir)
	default:
		lines = append(lines, "banksman validate "+dir)
	}
	if !found.there {
		lines = append(lines, fmt.Sprintf("git -C %s add %s && git -C %s commit -m 'Add the catalog' && git -C %s push", dir, catalogName, dir, dir))
	}
	install := "banksman install --repo " + where.URL
	if image == "" {
		install += " --image IMAGE" // this program was built without the name of its own
	}
	if f.branch != "main" {
		install += " --branch " + f.branch
	}
	if f.githubApp {
		return append(lines, install+" --app-id NUMBER --app-installation NUMBER --app-key-file FILE.pem")
	}
	return append(lines, "export GITHUB_TOKEN=…", install)
}

// repoWord is how the repository is typed.
func (f initFlags) repoWord(where forge) string {
	if f.repo != "" {
		return f.repo
	}
	return where.URL
}
