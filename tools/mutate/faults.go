package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// fault is one small change of a file: the bytes from from to to are replaced.
type fault struct {
	file     string
	from, to int // offsets
	line     int
	text     string // in their place
	what     string // for people
}

// faultsIn returns every fault that can be planted in the package of a folder, in the
// order of its files: those that build here, and no tests.
func faultsIn(dir string) ([]fault, error) {
	pkg, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	find := &finder{files: token.NewFileSet(), whole: map[ast.Expr]bool{}}
	for _, name := range append(pkg.GoFiles, pkg.CgoFiles...) {
		find.name = filepath.Join(dir, name)
		if find.source, err = os.ReadFile(find.name); err != nil {
			return nil, err
		}
		tree, err := parser.ParseFile(find.files, find.name, find.source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(tree, find.visit)
	}
	return find.found, nil
}

// finder walks through the trees of files.
type finder struct {
	name   string // of the file
	source []byte
	files  *token.FileSet
	found  []fault
	whole  map[ast.Expr]bool // conditions that were negated as a whole
}

// text returns what stands between two positions.
func (f *finder) text(from, to token.Pos) string {
	return string(f.source[f.files.Position(from).Offset:f.files.Position(to).Offset])
}

// add notes a fault in the place of what is between two positions.
func (f *finder) add(from, to token.Pos, text, what string, args ...any) {
	at := f.files.Position(from)
	f.found = append(f.found, fault{f.name, at.Offset, f.files.Position(to).Offset, at.Line, text, fmt.Sprintf(what, args...)})
}

// visit is called with each node, the outer ones first.
func (f *finder) visit(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.IfStmt:
		f.negate(n.Cond)
	case *ast.ForStmt:
		f.negate(n.Cond)
	case *ast.SwitchStmt:
		f.cases(n)
	case *ast.BinaryExpr:
		f.operator(n)
	case *ast.BasicLit:
		f.number(n)
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CaseClause:
		f.statements(n.Body)
	case *ast.CommClause:
		f.statements(n.Body)
	}
	return true
}

// negate negates a condition; nil is one that is left out.
func (f *finder) negate(cond ast.Expr) {
	if cond == nil || f.whole[cond] {
		return
	}
	f.whole[cond] = true
	f.add(cond.Pos(), cond.End(), "!("+f.text(cond.Pos(), cond.End())+")", "negated condition")
}

// cases negates the conditions of a switch without a tag, and swaps the bodies of
// neighbours in any.
func (f *finder) cases(s *ast.SwitchStmt) {
	for i, stmt := range s.Body.List {
		clause := stmt.(*ast.CaseClause)
		if s.Tag == nil {
			for _, cond := range clause.List {
				f.negate(cond)
			}
		}
		if i > 0 {
			f.swap(s.Body.List[i-1].(*ast.CaseClause), clause)
		}
	}
}

// swap makes two cases do what the other one does: their conditions change places.
func (f *finder) swap(a, b *ast.CaseClause) {
	if len(a.List) == 0 || len(b.List) == 0 {
		return // a default may stand anywhere
	}
	from, to := a.List[0].Pos(), b.List[0].Pos()
	swapped := f.text(to, b.Colon) + f.text(a.Colon, to) + f.text(from, a.Colon)
	f.add(from, b.Colon, swapped, "swapped cases of lines %d and %d", f.files.Position(from).Line, f.files.Position(to).Line)
}

// boundaries are the operators of comparisons, and what shifts their boundary.
var boundaries = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}

// opposites are operators, and what is true where they are false. That of a logical
// one is the other.
var opposites = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ,
	token.LEQ: token.GTR, token.LAND: token.LOR, token.LOR: token.LAND, token.ADD: token.SUB, token.SUB: token.ADD,
}

func (f *finder) operator(n *ast.BinaryExpr) {
	from, to := n.OpPos, n.OpPos+token.Pos(len(n.Op.String()))
	if other, ok := boundaries[n.Op]; ok {
		f.add(from, to, other.String(), "shifted boundary: %v for %v", other, n.Op)
	}
	if other, ok := opposites[n.Op]; ok && !f.whole[n] {
		f.add(from, to, other.String(), "changed operator: %v for %v", other, n.Op)
	}
}

// number makes an integer larger by one, and another number by half.
func (f *finder) number(n *ast.BasicLit) {
	var text string
	if i, err := strconv.ParseInt(n.Value, 0, 64); err == nil && n.Kind == token.INT {
		text = fmt.Sprint(i + 1)
	} else if x, err := strconv.ParseFloat(n.Value, 64); err == nil && n.Kind == token.FLOAT {
		text = fmt.Sprint(1.5*x + 0.01)
	} else {
		return
	}
	f.add(n.Pos(), n.End(), text, "changed number: %s for %s", text, n.Value)
}

// statements removes those that declare nothing.
func (f *finder) statements(list []ast.Stmt) {
	for _, stmt := range list {
		switch n := stmt.(type) {
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.SendStmt, *ast.GoStmt:
			f.add(n.Pos(), n.End(), "", "removed statement")
		case *ast.DeferStmt:
			f.add(n.Pos(), n.End(), "", "removed defer")
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				f.add(n.Pos(), n.End(), "", "removed assignment")
			}
		}
	}
}

// plant returns the source with the fault in it.
func (f fault) plant(source []byte) []byte {
	return slices.Concat(source[:f.from], []byte(f.text), source[f.to:])
}
