package main

import (
	"bytes"
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"

	"banksman.dev/cmd/banksman/config"
	installation "banksman.dev/cmd/banksman/install"
)

// A draft is a configuration file on the way to be complete. What was written
// stays as it was written, comments included.
type draft struct {
	file string
	// written is how it was, and same is that in the encoder's way.
	written, same []byte
	top           *yaml.Node
	root          yamlNode
}

func newDraft(file string, content []byte) (*draft, error) {
	d := &draft{file: file, written: content, top: &yaml.Node{}}
	if err := yaml.Unmarshal(content, d.top); err != nil || len(d.top.Content) == 0 || d.top.Content[0].Kind != yaml.MappingNode {
		_, err := config.Read(file, content) // which says it better
		if err == nil {
			err = fmt.Errorf("%s: it is no mapping", file)
		}
		return nil, failed(err, "")
	}
	d.root = yamlNode{d.top.Content[0]}
	var err error
	d.same, err = d.reencoded()
	return d, err
}

// repositories are those that the draft names; they can be changed in place.
func (d *draft) repositories() (all []yamlNode) {
	list := d.root.get("repositories")
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	for _, n := range list.Content {
		if n.Kind == yaml.MappingNode {
			all = append(all, yamlNode{n})
		}
	}
	return all
}

// withCredentials makes banksman read the mounted token where the file leaves
// it to the environment, which a container does not have.
func (d *draft) withCredentials() error {
	github := d.root.get("github")
	if github == nil {
		d.root.set("github", yamlMapping().set("tokenFile", yamlText(installation.GitHubPath+"/"+installation.TokenKey)))
		return nil
	}
	g := yamlNode{github}
	if github.Kind == yaml.MappingNode && g.get("tokenFile") == nil && g.get("app") == nil {
		g.set("tokenFile", yamlText(installation.GitHubPath+"/"+installation.TokenKey))
	}
	return nil
}

// provisional is what can be read strictly before everything is decided.
func (d *draft) provisional() []byte {
	content, err := d.encode()
	if err != nil {
		return nil
	}
	copied, err := newDraft(d.file, content)
	if err != nil {
		return content
	}
	for _, r := range copied.repositories() {
		if r.get("trust") == nil {
			r.set("trust", yamlText(config.TrustNothing))
		}
	}
	if content, err = copied.encode(); err != nil {
		return nil
	}
	return content
}

// encode keeps the bytes of a draft that nothing was added to.
func (d *draft) encode() ([]byte, error) {
	content, err := d.reencoded()
	if err == nil && bytes.Equal(content, d.same) {
		return d.written, nil
	}
	return content, err
}

func (d *draft) reencoded() ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(d.top); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return out.Bytes(), e.Close()
}

// A node is a YAML value that is being written.
type yamlNode struct{ *yaml.Node }

func yamlMapping() yamlNode { return yamlNode{&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}} }

func yamlText(s string) yamlNode {
	n := &yaml.Node{}
	n.SetString(s)
	return yamlNode{n}
}

func yamlNumber(n int64) yamlNode {
	return yamlNode{&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(n, 10)}}
}

func yamlTexts(list []string) yamlNode {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, s := range list {
		n.Content = append(n.Content, yamlText(s).Node)
	}
	return yamlNode{n}
}

func yamlSequence(items ...yamlNode) yamlNode {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, i := range items {
		n.Content = append(n.Content, i.Node)
	}
	return yamlNode{n}
}

func (n yamlNode) flow() yamlNode {
	n.Style |= yaml.FlowStyle
	return n
}

// get is the value of a key, nil where there is none.
func (n yamlNode) get(key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// set replaces the value of a key, or appends it.
func (n yamlNode) set(key string, value yamlNode) yamlNode {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = value.Node
			return n
		}
	}
	n.Content = append(n.Content, yamlText(key).Node, value.Node)
	return n
}
