package config

import (
	"bytes"
	_ "embed" // the schema
	"fmt"

	"gopkg.in/yaml.v3"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of the file, for editors. What it allows
// and Read refuses needs more than one value to be seen.
func Schema() []byte { return bytes.Clone(schema) }

// Encode writes the configuration as a file that Read reads.
func (c *Configuration) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(c); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return b.Bytes(), nil
}
