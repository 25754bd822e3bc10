package propose

import (
	"io/fs"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// variants are names of folders that say which environment or layer, and not
// which service.
var variants = []string{
	"base", "bases", "overlays", "overlay", "production", "prod", "staging", "stage", "development", "dev", "test",
	"canary", "deploy", "deployment", "k8s", "kubernetes", "manifests", "kustomize", "full", "main",
}

// preferred come first where several overlays render the same objects.
var preferred = []string{"production", "prod", "full", "main"}

// kustomized are the kustomizations that no other builds on. Of those that
// build the same objects the first is taken; a folder named canary is the canary
// of what it stands beside.
func kustomized(tree fs.FS, f *found) (services []Service) {
	named := map[string]bool{}
	for _, on := range f.kustomizations {
		for _, dir := range on {
			named[dir] = true
		}
	}
	dirs := slices.DeleteFunc(slices.Sorted(maps.Keys(f.kustomizations)), func(dir string) bool { return named[dir] })
	slices.SortStableFunc(dirs, func(a, b string) int { return rank(a) - rank(b) })
	built := map[render.ObjectID]string{}
	for _, dir := range dirs {
		s := Service{Name: serviceName(dir), Kustomize: dir}
		if path.Base(dir) == "canary" && slices.ContainsFunc(services, func(full Service) bool { return full.Name == s.Name }) {
			s.Name += canarySuffix
			services = append(services, s)
			continue
		}
		objects, err := kustomize.Build(tree, dir)
		if err != nil {
			f.skip(dir, err.Error())
			continue
		}
		if i := slices.IndexFunc(objects, func(o render.Object) bool { return built[o.ID()] != "" }); i >= 0 {
			f.skip(dir, "builds the same "+objects[i].String()+" as "+built[objects[i].ID()])
			continue
		}
		for _, o := range objects {
			built[o.ID()] = dir
			s.Canary = s.Canary || isDeployment(o)
			s.bare = s.bare || o.Namespace() == ""
		}
		services = append(services, s)
	}
	return services
}

func rank(dir string) int {
	switch base := path.Base(dir); {
	case slices.Contains(preferred, base):
		return 0
	case base == "canary":
		return 2
	}
	return 1
}

// grouped are the plain manifests of each folder: one service for each
// Deployment, with what belongs to it by name or by label, else one for the
// folder.
func grouped(f found) (services []Service) {
	byFolder := map[string][]manifest{}
	for _, m := range f.manifests {
		if !f.underKustomization(m.path) && !f.templated[path.Dir(m.path)] {
			byFolder[path.Dir(m.path)] = append(byFolder[path.Dir(m.path)], m)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(byFolder)) {
		services = append(services, groupedIn(dir, byFolder[dir])...)
	}
	return services
}

func groupedIn(dir string, all []manifest) (services []Service) {
	var runs, rest []manifest
	for _, m := range all {
		if slices.ContainsFunc(m.objects, isWorkload) {
			runs = append(runs, m)
		} else {
			rest = append(rest, m)
		}
	}
	if len(runs) <= 1 {
		name := serviceName(dir)
		if len(runs) == 1 {
			name = nameOf(runs[0])
		}
		return []Service{serviceOf(name, all)}
	}
	mine := make([][]manifest, len(runs))
	var shared []manifest
	for _, m := range rest {
		if i := ownerOf(m, runs); i >= 0 {
			mine[i] = append(mine[i], m)
		} else {
			shared = append(shared, m)
		}
	}
	for i, m := range runs {
		services = append(services, serviceOf(nameOf(m), append(mine[i], m)))
	}
	if len(shared) > 0 {
		services = append(services, serviceOf(serviceName(dir)+"-shared", shared))
	}
	return services
}

func serviceOf(name string, all []manifest) Service {
	s := Service{Name: dnsName(name)}
	for _, m := range all {
		s.Templates = append(s.Templates, m.path)
		s.Canary = s.Canary || slices.ContainsFunc(m.objects, isDeployment)
	}
	slices.Sort(s.Templates)
	return s
}

// nameOf is that of the first workload of a file.
func nameOf(m manifest) string {
	i := slices.IndexFunc(m.objects, isWorkload)
	return word(m.objects[i], "metadata", "name")
}

// ownerOf is the workload that a file belongs to: a Service selects its Pods, or
// the name says it. Of several names the longest is meant. -1 for none.
func ownerOf(m manifest, runs []manifest) int {
	owner, length := -1, 0
	for i, run := range runs {
		name := nameOf(run)
		for _, o := range m.objects {
			if selects(o, run) {
				return i
			}
			other := word(o, "metadata", "name")
			if (other == name || strings.HasPrefix(other, name+"-")) && len(name) > length {
				owner, length = i, len(name)
			}
		}
	}
	return owner
}

// selects: a Service sends its traffic to the Pods of the file's workload.
func selects(o map[string]any, run manifest) bool {
	spec, _ := o["spec"].(map[string]any)
	selector, _ := spec["selector"].(map[string]any)
	if word(o, "kind") != "Service" || len(selector) == 0 {
		return false
	}
	return slices.ContainsFunc(run.objects, func(w map[string]any) bool {
		labels := podLabels(w)
		for key, value := range selector {
			if !reflect.DeepEqual(labels[key], value) {
				return false
			}
		}
		return len(labels) > 0
	})
}

func podLabels(w map[string]any) map[string]any {
	for _, key := range []string{"spec", "template", "metadata"} {
		w, _ = w[key].(map[string]any)
	}
	labels, _ := w["labels"].(map[string]any)
	return labels
}

func isDeployment(o map[string]any) bool {
	return word(o, "apiVersion") == "apps/v1" && word(o, "kind") == "Deployment"
}

func isWorkload(o map[string]any) bool {
	return slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"}, word(o, "kind"))
}

// underKustomization: a kustomization takes the file, or was meant to.
func (f found) underKustomization(name string) bool {
	for dir, on := range f.kustomizations {
		for _, taken := range append(on, dir) {
			if taken == "." || name == taken || strings.HasPrefix(name, taken+"/") {
				return true
			}
		}
	}
	return false
}

// namespaceOf is what a service must say because its objects do not.
func (f found) namespaceOf(s Service, otherwise string) string {
	if s.Kustomize != "" {
		if s.bare {
			return otherwise
		}
		return ""
	}
	names := map[string]bool{}
	bare := false
	for _, m := range f.manifests {
		if !slices.Contains(s.Templates, m.path) {
			continue
		}
		for _, o := range m.objects {
			if name := word(o, "metadata", "namespace"); name != "" {
				names[name] = true
			} else {
				bare = true
			}
		}
	}
	switch {
	case !bare:
		return ""
	case len(names) == 1:
		return slices.Collect(maps.Keys(names))[0]
	}
	return otherwise
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// serviceName is the last part of a path that says which service it is.
func serviceName(dir string) string {
	parts := strings.Split(dir, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if name := dnsName(parts[i]); name != "" && !slices.Contains(variants, name) {
			return name
		}
	}
	return "app"
}

const longestName = 52 // with room for -canary and a number

func dnsName(s string) string {
	s = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(s), "-"), "-")
	return strings.Trim(s[:min(len(s), longestName)], "-")
}
