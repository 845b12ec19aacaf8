package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// repository is the work tree: the names of its files, from the root with
// slashes, and its documents.
type repository struct {
	root      string
	files     map[string]bool // folders too
	goFiles   []string
	documents map[string]*document
}

// document is a parsed Markdown file.
type document struct {
	name   string
	source []byte
	tree   ast.Node
}

// load reads the documents of the work tree at root, but those in testdata.
func load(root string) (*repository, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	r := &repository{root: root, files: map[string]bool{".": true}, documents: map[string]*document{}}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			continue // deleted, not yet committed
		}
		for dir := name; dir != "."; dir = path.Dir(dir) {
			r.files[dir] = true
		}
		if strings.HasSuffix(name, ".go") {
			r.goFiles = append(r.goFiles, name)
		}
		if strings.HasSuffix(name, ".md") && !slices.Contains(strings.Split(name, "/"), "testdata") {
			if r.documents[name], err = parse(root, name); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func parse(root, name string) (*document, error) {
	source, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM))
	return &document{name: name, source: source, tree: markdown.Parser().Parse(text.NewReader(source))}, nil
}

// line is the number of the line of the document that an offset is in.
func (d *document) line(offset int) int { return 1 + bytes.Count(d.source[:offset], []byte("\n")) }

// lineOf is the number of the line where a node begins, as well as the parser
// remembers it.
func (d *document) lineOf(n ast.Node) int {
	for ; n != nil; n = n.Parent() {
		if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
			return d.line(n.Lines().At(0).Start)
		}
		if t, ok := n.FirstChild().(*ast.Text); ok {
			return d.line(t.Segment.Start)
		}
	}
	return 1
}

// each calls visit with every node of a document.
func (d *document) each(visit func(ast.Node)) {
	// The only errors of Walk are those of its function.
	_ = ast.Walk(d.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			visit(n)
		}
		return ast.WalkContinue, nil
	})
}
