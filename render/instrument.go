package render

import (
	"fmt"
	"strconv"
	"strings"
	"text/template/parse"
)

// The functions that instrument calls. They are not among those a template may name.
const (
	includeName = "include"
	turnName    = "meter_turn"
	showName    = "meter_show"
)

// instrument rewrites a parse tree so that its execution is bounded: each loop body counts its turns, each printing
// action ends in show, and {{template}} becomes include, which counts its depth. It returns the functions that the
// tree calls, and a fault for one that does not exist.
func instrument(tree *parse.Tree, used map[string]bool) (err *functionFault) {
	w := &walker{tree: tree, used: used}
	w.list(tree.Root)
	if tree.Root != nil {
		tree.Root.Nodes = append([]parse.Node{w.turn(tree.Root.Pos)}, tree.Root.Nodes...)
	}
	return w.fault
}

// functionFault is a function that does not exist.
type functionFault struct {
	name, at string // at is file:line:column
}

func (f *functionFault) problem() (problem, try string) {
	if reason, impure := impureFunctions[f.name]; impure {
		return fmt.Sprintf("the function %s does not exist here: it %s", f.name, reason),
			"the same commit must always render the same; put the value into values"
	}
	if near := Nearest(f.name, Functions()); near != "" {
		return fmt.Sprintf("unknown function %s", f.name), fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Sprintf("unknown function %s", f.name), "use one of sprig's pure functions"
}

type walker struct {
	tree  *parse.Tree
	used  map[string]bool
	fault *functionFault
}

func (w *walker) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	for i, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			w.pipe(n.Pipe)
			if len(n.Pipe.Decl) == 0 {
				n.Pipe.Cmds = append(n.Pipe.Cmds, w.call(n.Pos, showName))
			}
		case *parse.IfNode:
			w.branch(&n.BranchNode)
		case *parse.WithNode:
			w.branch(&n.BranchNode)
		case *parse.RangeNode:
			w.branch(&n.BranchNode)
			n.List.Nodes = append([]parse.Node{w.turn(n.Pos)}, n.List.Nodes...)
		case *parse.TemplateNode:
			list.Nodes[i] = w.include(n)
		}
	}
}

func (w *walker) branch(n *parse.BranchNode) {
	w.pipe(n.Pipe)
	w.list(n.List)
	w.list(n.ElseList)
}

func (w *walker) pipe(pipe *parse.PipeNode) {
	if pipe == nil {
		return
	}
	for _, command := range pipe.Cmds {
		for _, arg := range command.Args {
			w.argument(arg)
		}
	}
}

func (w *walker) argument(arg parse.Node) {
	switch n := arg.(type) {
	case *parse.IdentifierNode:
		w.function(n)
	case *parse.PipeNode:
		w.pipe(n)
	case *parse.ChainNode:
		w.argument(n.Node)
	}
}

func (w *walker) function(n *parse.IdentifierNode) {
	w.used[n.Ident] = true
	if _, found := library[n.Ident]; found || n.Ident == includeName || isBuiltin(n.Ident) || w.fault != nil {
		return
	}
	at, _ := w.tree.ErrorContext(n)
	w.fault = &functionFault{name: n.Ident, at: at}
}

func isBuiltin(name string) bool {
	for _, b := range builtins {
		if b == name {
			return true
		}
	}
	return false
}

// include is {{include "name" data}} for {{template "name" data}}.
func (w *walker) include(n *parse.TemplateNode) parse.Node {
	w.used[includeName] = true
	w.pipe(n.Pipe)
	command := w.call(n.Pos, includeName)
	command.Args = append(command.Args, &parse.StringNode{
		NodeType: parse.NodeString, Pos: n.Pos, Quoted: strconv.Quote(n.Name), Text: n.Name,
	})
	if n.Pipe != nil {
		command.Args = append(command.Args, n.Pipe)
	} else {
		command.Args = append(command.Args, &parse.NilNode{NodeType: parse.NodeNil, Pos: n.Pos})
	}
	return w.action(n.Pos, n.Line, command)
}

func (w *walker) turn(pos parse.Pos) parse.Node { return w.action(pos, 0, w.call(pos, turnName)) }

func (w *walker) call(pos parse.Pos, function string) *parse.CommandNode {
	name := parse.NewIdentifier(function).SetPos(pos).SetTree(w.tree)
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{name}}
}

func (w *walker) action(pos parse.Pos, line int, command *parse.CommandNode) parse.Node {
	return &parse.ActionNode{
		NodeType: parse.NodeAction, Pos: pos, Line: line,
		Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Line: line, Cmds: []*parse.CommandNode{command}},
	}
}

// parseTemplate parses one file and instruments it. It gives the trees it defines, its own under the file's name.
func parseTemplate(file, content string) (*parsedTemplate, error) {
	if actions := strings.Count(content, "{{"); actions > maxActions {
		return nil, &Error{
			File: file, Problem: fmt.Sprintf("has %d actions, more than %d", actions, maxActions),
			Try: "split the file",
		}
	}
	tree := parse.New(file)
	tree.Mode = parse.SkipFuncCheck
	p := &parsedTemplate{file: file, content: content, trees: map[string]*parse.Tree{}, used: map[string]bool{}}
	if _, err := tree.Parse(content, "", "", p.trees); err != nil {
		return nil, p.parseFault(err)
	}
	for _, name := range keysOf(p.trees) {
		if fault := instrument(p.trees[name], p.used); fault != nil {
			problem, try := fault.problem()
			e := p.locate(fault.at)
			e.Problem, e.Try = problem, try
			return nil, e
		}
	}
	return p, nil
}
