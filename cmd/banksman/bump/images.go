package bump

import (
	"cmp"
	"io/fs"
	"slices"

	"banksman.dev/render"
	"banksman.dev/render/kustomize"
)

// A container is where an image is used.
type container struct {
	object render.ObjectID
	name   string
	nth    int // of those of this name in the object
}

// imagesOf renders a service and collects its containers' images.
func imagesOf(tree fs.FS, catalogPath string, service render.ServiceName) (map[container]string, error) {
	catalog, err := render.ReadCatalog(tree, catalogPath)
	if err != nil {
		return nil, err
	}
	release, err := render.Renderer{Kustomize: kustomize.Build}.Release(tree, catalog, service, "")
	if err != nil {
		return nil, err
	}
	images := map[container]string{}
	for _, o := range slices.Concat(release.Full, release.Canary, release.Shared) {
		collect(map[string]any(o), func(name, image string) {
			c := container{object: o.ID(), name: name}
			for images[c] != "" {
				c.nth++
			}
			images[c] = image
		})
	}
	return images, nil
}

// collect finds containers wherever they stand in an object.
func collect(v any, found func(name, image string)) {
	switch v := v.(type) {
	case map[string]any:
		name, _ := v["name"].(string)
		if image, _ := v["image"].(string); image != "" && name != "" {
			found(name, image)
		}
		for _, key := range sortedKeys(v) {
			collect(v[key], found)
		}
	case []any:
		for _, one := range v {
			collect(one, found)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// sorted are containers in an order that people can follow.
func sorted[T any](all map[container]T) []container {
	list := make([]container, 0, len(all))
	for c := range all {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b container) int {
		return cmp.Or(a.object.Compare(b.object), cmp.Compare(a.name, b.name), cmp.Compare(a.nth, b.nth))
	})
	return list
}
