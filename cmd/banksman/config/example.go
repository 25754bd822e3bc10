package config

import (
	"bytes"
	_ "embed" // the example
)

//go:embed example.yaml
var example []byte

// Example is a configuration file to begin with.
func Example() []byte { return bytes.Clone(example) }
