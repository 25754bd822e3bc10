package render

import (
	"fmt"
	"io/fs"
)

// readValues gives a variant's .values: those of its valuesFile, with the entry's own on top, maps merged.
func readValues(tree fs.FS, from source) (map[string]any, error) {
	values := map[string]any{}
	if from.valuesFile.text != "" {
		content, err := readText(tree, from.valuesFile)
		if err != nil {
			return nil, err
		}
		documents, err := ScanYAML(from.valuesFile.text, []byte(content))
		if err != nil {
			return nil, err
		}
		if len(documents) > 1 {
			return nil, &Error{
				File: from.valuesFile.text, Line: documents[1].Line,
				Problem: fmt.Sprintf("has %d YAML documents", len(documents)), Try: "keep one",
			}
		}
		if len(documents) == 1 {
			v, err := value(from.valuesFile.text, documents[0])
			if err != nil {
				return nil, withExcerpt(err, content)
			}
			m, ok := v.(map[string]any)
			if !ok {
				return nil, &Error{
					File: from.valuesFile.text, Line: documents[0].Line, Problem: "is not a map of values",
					Try: "write it as key: value lines",
				}
			}
			values = m
		}
	}
	overlay(values, from.values)
	return values, nil
}

// overlay puts top over values; maps are merged, everything else is replaced.
func overlay(values, top map[string]any) {
	for key, v := range top {
		below, isMap := values[key].(map[string]any)
		if above, ok := v.(map[string]any); ok && isMap {
			overlay(below, above)
			continue
		}
		values[key] = cloneValue(v)
	}
}
