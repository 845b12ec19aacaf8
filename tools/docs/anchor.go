package main

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
)

var htmlAnchor = regexp.MustCompile(`<[^>]*\b(?:id|name)="([^"]+)"`)

// anchors returns what may stand after the # of a link to a document on GitHub:
// a name for each heading, and those that the document has as HTML.
func (d *document) anchors() map[string]bool {
	found := map[string]bool{}
	d.each(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.Heading:
			name := slug(d.text(n))
			unique := name
			for i := 1; found[unique]; i++ {
				unique = name + "-" + strconv.Itoa(i)
			}
			found[unique] = true
		case *ast.HTMLBlock, *ast.RawHTML:
			for _, m := range htmlAnchor.FindAllStringSubmatch(d.html(n), -1) {
				found[m[1]] = true
			}
		}
	})
	return found
}

// slug is GitHub's name of a heading: letters and digits of any script in lower
// case, hyphens and underscores, and a hyphen for each space. See
// https://github.com/gjtorikian/html-pipeline/blob/main/lib/html_pipeline/node_filter/table_of_contents_filter.rb
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, strings.TrimSpace(heading))
}

// text is what a reader sees of a node.
func (d *document) text(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Segment.Value(d.source))
			if c.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.Image: // its alternative text is no part of the heading's name
		default:
			b.WriteString(d.text(c))
		}
	}
	return b.String()
}

// html is the source of a node that is HTML, or "".
func (d *document) html(n ast.Node) string {
	switch n := n.(type) {
	case *ast.RawHTML:
		return string(n.Segments.Value(d.source))
	case *ast.HTMLBlock:
		html := string(n.Lines().Value(d.source))
		if n.HasClosure() {
			html += string(n.ClosureLine.Value(d.source))
		}
		return html
	}
	return ""
}
