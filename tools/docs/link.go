package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// ownPages are where GitHub shows the files of this repository's main branch.
var ownPages = regexp.MustCompile(`^https://(?:github\.com/tcretry/tcretry/(?:blob|tree|raw)/main|raw\.githubusercontent\.com/tcretry/tcretry/main)/?`)

var (
	htmlLink = regexp.MustCompile(`<[^>]*\b(?:href|src)="([^"]+)"`)
	// [text][label] stays as text if no line defines the label.
	undefined  = regexp.MustCompile(`\[[^\[\]]+\]\[[^\[\]]*\]`)
	lineAnchor = regexp.MustCompile(`^L(\d+)(?:-L(\d+))?$`)
)

// checkLinks checks every link into the repository; it returns their number, and
// an error with every link that leads nowhere.
func (r *repository) checkLinks() (links int, err error) {
	names := make([]string, 0, len(r.documents))
	for name := range r.documents {
		names = append(names, name)
	}
	slices.Sort(names)
	var wrong []error
	for _, name := range names {
		d := r.documents[name]
		d.each(func(n ast.Node) {
			for _, to := range d.destinations(n) {
				inside, err := r.resolve(d, to)
				if inside {
					links++
				}
				if err != nil {
					wrong = append(wrong, fmt.Errorf("%s:%d: link to %s: %w", name, d.lineOf(n), to, err))
				}
			}
		})
		wrong = append(wrong, d.undefined()...)
	}
	return links, errors.Join(wrong...)
}

// destinations are the addresses that a node links to, images included.
func (d *document) destinations(n ast.Node) []string {
	switch n := n.(type) {
	case *ast.Link:
		return []string{string(n.Destination)}
	case *ast.Image:
		return []string{string(n.Destination)}
	}
	var all []string
	for _, m := range htmlLink.FindAllStringSubmatch(d.html(n), -1) {
		all = append(all, m[1])
	}
	return all
}

// undefined has an error for each reference to a label that is not defined.
func (d *document) undefined() (wrong []error) {
	d.each(func(n ast.Node) {
		// The parser splits such text at its brackets: see it as a whole.
		if n.Type() != ast.TypeBlock || n.FirstChild() == nil || n.FirstChild().Type() != ast.TypeInline {
			return
		}
		var b strings.Builder
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if t, ok := c.(*ast.Text); ok {
				b.Write(t.Segment.Value(d.source))
			} else {
				b.WriteString("\x00") // ends a text
			}
		}
		for _, m := range undefined.FindAllString(b.String(), -1) {
			wrong = append(wrong, fmt.Errorf("%s:%d: link %s: no line defines that label", d.name, d.lineOf(n), m))
		}
	})
	return wrong
}

// resolve says whether a link is one into the repository and, if so, what is
// wrong with it.
func (r *repository) resolve(from *document, link string) (inside bool, err error) {
	dir := path.Dir(from.name)
	if ownPages.MatchString(link) {
		link, dir = "./"+ownPages.ReplaceAllString(link, ""), "."
	}
	u, err := url.Parse(link)
	if err != nil {
		return true, err
	}
	if u.IsAbs() || u.Host != "" {
		return false, nil
	}
	name := from.name
	if u.Path != "" {
		name = path.Join(dir, u.Path)
	}
	if strings.HasPrefix(u.Path, "/") {
		return true, errors.New("write it relative to the document: others than GitHub do not know the root")
	}
	if !r.files[name] {
		return true, errors.New("no such file in the repository")
	}
	return true, r.checkAnchor(name, u.Fragment)
}

// checkAnchor checks what stands after the # of a link to a file.
func (r *repository) checkAnchor(name, anchor string) error {
	if anchor == "" {
		return nil
	}
	if d := r.documents[name]; d != nil {
		if d.anchors()[anchor] {
			return nil
		}
		return fmt.Errorf("no heading of %s has the anchor #%s", name, anchor)
	}
	m := lineAnchor.FindStringSubmatch(anchor)
	if m == nil {
		return fmt.Errorf("%s has no headings", name)
	}
	data, err := os.ReadFile(filepath.Join(r.root, name))
	if err != nil {
		return err
	}
	lines := bytes.Count(data, []byte("\n"))
	for _, number := range m[1:] {
		if n, err := strconv.Atoi(number); err == nil && (n < 1 || n > lines) {
			return fmt.Errorf("%s has %d lines", name, lines)
		}
	}
	return nil
}
