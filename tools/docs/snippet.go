package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"

	markdown "github.com/yuin/goldmark/ast"
)

// snippet is a fence of Go in a document.
type snippet struct {
	document string
	line     int // of the first line of code
	code     string
	context  string // declarations for it, of the comment above
}

var snippetComment = regexp.MustCompile(`(?s)^\s*<!--\s*snippet:(.*)-->\s*$`)

// hasSnippets says whether the Go code of a document is for readers to use. In
// others, the changelog for example, it may be that of an old version.
func hasSnippets(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "README") || strings.HasPrefix(name, "docs/")
}

// snippets returns those of a document in order.
func (d *document) snippets() (found []snippet, err error) {
	used := map[markdown.Node]bool{}
	d.each(func(n markdown.Node) {
		fence, ok := n.(*markdown.FencedCodeBlock)
		if !ok || string(fence.Language(d.source)) != "go" || fence.Lines().Len() == 0 {
			return
		}
		s := snippet{document: d.name, line: d.lineOf(fence), code: string(fence.Lines().Value(d.source))}
		if above := fence.PreviousSibling(); above != nil {
			if m := snippetComment.FindStringSubmatch(d.html(above)); m != nil {
				s.context, used[above] = strings.TrimSpace(m[1]), true
			}
		}
		found = append(found, s)
	})
	d.each(func(n markdown.Node) {
		if strings.Contains(d.html(n), "<!-- snippet:") && !used[n] {
			err = fmt.Errorf("%s:%d: the comment is not directly above a snippet", d.name, d.lineOf(n))
		}
	})
	return found, err
}

// isFile says whether a snippet is a whole file.
func (s snippet) isFile() bool {
	_, err := parser.ParseFile(token.NewFileSet(), "", s.code, parser.PackageClauseOnly)
	return err == nil
}

// file returns a Go file for a snippet, whose compiler errors are those of the
// document. imports has the path of a package by its name.
func (s snippet) file(imports map[string]string) ([]byte, error) {
	position := fmt.Sprintf("//line %s:%d\n", s.document, s.line)
	if s.isFile() {
		return []byte(position + s.code), nil
	}
	own, body := s.splitImports()
	body = position + strings.Repeat("\n", strings.Count(own, "\n")) + body
	for _, form := range []string{"%s", "func _() {\n%s\n}\n", "var _ =\n%s"} {
		code := fmt.Sprintf(form, body)
		file, err := s.parse(own, code)
		if err != nil || isValue(fragmentBody(file)) {
			continue
		}
		return s.complete(file, own, code, imports)
	}
	// The error of statements, at its place in the document.
	_, err := s.parse(own, "func _() {\n"+body+"\n}\n")
	return nil, err
}

// parse parses a file of a fragment.
func (s snippet) parse(own, code string) (*ast.File, error) {
	src := fmt.Sprintf("package p\n\n%s\n%s\n%s", own, s.context, code)
	return parser.ParseFile(token.NewFileSet(), s.document, src, parser.SkipObjectResolution)
}

// isValue says whether a body is one expression that is no statement.
func isValue(body *ast.BlockStmt) bool {
	if body == nil || len(body.List) != 1 {
		return false
	}
	s, ok := body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	_, isCall := s.X.(*ast.CallExpr)
	return !isCall
}

// splitImports separates the import declarations that a fragment begins with.
func (s snippet) splitImports() (own, body string) {
	src := "package p;" + s.code
	fset := token.NewFileSet()
	file, _ := parser.ParseFile(fset, "", src, parser.ImportsOnly)
	if file == nil || len(file.Decls) == 0 {
		return "", s.code
	}
	end := fset.Position(file.Decls[len(file.Decls)-1].End()).Offset
	return src[len("package p;"):end] + "\n", src[end:]
}

// complete adds the imports that a fragment needs, and a use of its variables.
func (s snippet) complete(file *ast.File, own, code string, imports map[string]string) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "package p\n\n//line %s:%d\n%s\n", s.document, s.line, own)
	for _, name := range unresolved(file) {
		if path := imports[name]; path != "" {
			fmt.Fprintf(&b, "import %s %q\n", name, path)
		}
	}
	fmt.Fprintf(&b, "\n//line %s:%d\n%s\n", s.document, s.line, s.context)
	if uses := variables(file); len(uses) > 0 {
		code = strings.TrimSuffix(code, "}\n") + strings.Join(uses, "") + "}\n"
	}
	b.WriteString(code)
	return b.Bytes(), nil
}

// unresolved returns the names x of x.Y that may be packages: those that no
// declaration of the fragment has, its own imports among them.
func unresolved(file *ast.File) (names []string) {
	own := declared(file)
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && !own[x.Name] {
				names = append(names, x.Name)
			}
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// declared has the names that a fragment gives to packages and, anywhere in it,
// to variables.
func declared(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range file.Imports {
		name := packageName(strings.Trim(spec.Path.Value, `"`))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = true
	}
	add := func(all ...ast.Expr) {
		for _, e := range all {
			if x, ok := e.(*ast.Ident); ok {
				names[x.Name] = true
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				add(n.Lhs...)
			}
		case *ast.RangeStmt:
			add(n.Key, n.Value)
		case *ast.ValueSpec:
			for _, x := range n.Names {
				add(x)
			}
		case *ast.Field:
			for _, x := range n.Names {
				add(x)
			}
		}
		return true
	})
	return names
}

// variables returns a line for each variable of the statements of a fragment
// that uses it: a fragment may stop before it does so itself.
func variables(file *ast.File) (uses []string) {
	body := fragmentBody(file)
	if body == nil {
		return nil
	}
	use := func(e ast.Expr) {
		if x, ok := e.(*ast.Ident); ok && x.Name != "_" {
			uses = append(uses, fmt.Sprintf("_ = %s\n", x.Name))
		}
	}
	for _, statement := range body.List {
		switch s := statement.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				for _, left := range s.Lhs {
					use(left)
				}
			}
		case *ast.DeclStmt:
			for _, spec := range s.Decl.(*ast.GenDecl).Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, name := range v.Names {
						use(name)
					}
				}
			}
		}
	}
	return uses
}

// fragmentBody is the body of the function around statements, or nil.
func fragmentBody(file *ast.File) *ast.BlockStmt {
	if len(file.Decls) == 0 {
		return nil
	}
	f, ok := file.Decls[len(file.Decls)-1].(*ast.FuncDecl)
	if !ok || f.Name.Name != "_" {
		return nil
	}
	return f.Body
}
