package render

import "reflect"

// Equal says whether two entries say the same, wherever in the catalog they stand. What the files hold that they name
// is not compared.
func (e Entry) Equal(o Entry) bool { return reflect.DeepEqual(e.placeless(), o.placeless()) }

func (e Entry) placeless() Entry {
	e.at, e.replicas.at = place{}, place{}
	e.full, e.canary = e.full.placeless(), e.canary.placeless()
	return e
}

func (s source) placeless() source {
	templates := make([]located, len(s.templates))
	for i, t := range s.templates {
		templates[i] = located{text: t.text}
	}
	s.templates = templates
	s.kustomize, s.valuesFile = located{text: s.kustomize.text}, located{text: s.valuesFile.text}
	return s
}
