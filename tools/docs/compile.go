package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// counts is how many snippets there are, and how many are whole files.
type counts struct{ all, whole int }

// checkSnippets compiles every snippet, each as a package of its own, in a module
// beside those of the workspace: it can import what any of them can.
func (r *repository) checkSnippets() (c counts, err error) {
	dir, err := os.MkdirTemp("", "docs-")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := r.workspace(dir); err != nil {
		return c, err
	}
	imports := r.imports()
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(r.documents)) {
		if !hasSnippets(name) {
			continue
		}
		snippets, err := r.documents[name].snippets()
		wrong = append(wrong, err)
		for _, s := range snippets {
			c.all++
			if s.isFile() {
				c.whole++
			}
			wrong = append(wrong, s.write(dir, c.all, imports))
		}
	}
	if written, _ := filepath.Glob(filepath.Join(dir, "snippet*")); len(written) > 0 {
		wrong = append(wrong, r.vet(dir))
	}
	return c, errors.Join(wrong...)
}

// write makes a package of a snippet.
func (s snippet) write(dir string, number int, imports map[string]string) error {
	code, err := s.file(imports)
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, fmt.Sprintf("snippet%03d", number))
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	name := "snippet.go"
	if s.isFile() && bytes.Contains(code, []byte("*testing.T")) {
		name = "snippet_test.go"
	}
	return os.WriteFile(filepath.Join(dir, name), code, 0o666)
}

// workspace makes dir a module in a workspace with the modules of the repository.
func (r *repository) workspace(dir string) error {
	data, err := os.ReadFile(filepath.Join(r.root, "go.work"))
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil {
		return err
	}
	goMod := "module snippets\n\ngo " + work.Go.Version + "\n"
	uses := "go " + work.Go.Version + "\n\nuse .\n"
	for _, use := range work.Use {
		uses += fmt.Sprintf("use %q\n", filepath.Join(r.root, filepath.FromSlash(use.Path)))
	}
	sums, err := os.ReadFile(filepath.Join(r.root, "go.work.sum"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for name, content := range map[string]string{"go.mod": goMod, "go.work": uses, "go.work.sum": string(sums)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// vet compiles everything in dir, and what `go vet` finds is an error too. Go
// build sees what the type checker of vet does not, a missing main for example.
func (r *repository) vet(dir string) error {
	for _, args := range [][]string{{"build", "-gcflags=-e", "-o", os.DevNull, "./..."}, {"vet", "./..."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(dir, "go.work"), "GOFLAGS=", "GOTOOLCHAIN=local")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("go %s of the snippets: %w\n%s", args[0], err, r.places(dir, string(out)))
		}
	}
	return nil
}

// places shortens the names of files in what the compiler prints to those of the
// documents.
func (r *repository) places(dir, out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		line = strings.ReplaceAll(line, dir+string(filepath.Separator), "")
		line = strings.TrimPrefix(line, "vet: ")
		if name, rest, ok := strings.Cut(line, string(filepath.Separator)); ok && strings.HasPrefix(path.Base(name), "snippet") {
			line = rest
		}
		b.WriteString(line)
	}
	return strings.TrimSpace(b.String())
}

// imports returns the path of a package by the name that the Go files of the
// repository use for it: of several paths the most frequent.
func (r *repository) imports() map[string]string {
	frequency := map[string]map[string]int{}
	for _, name := range r.goFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(r.root, name), nil, parser.ImportsOnly)
		if err != nil {
			continue // a file of testdata, say; the compiler judges the others
		}
		for _, spec := range file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			name := packageName(path)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			if frequency[name] == nil {
				frequency[name] = map[string]int{}
			}
			frequency[name][path]++
		}
	}
	imports := map[string]string{}
	for name, paths := range frequency {
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			if paths[path] > paths[imports[name]] {
				imports[name] = path
			}
		}
	}
	return imports
}

// packageName is the name that a package has by custom, from its path: without
// "go-", and without the version at its end.
func packageName(importPath string) string {
	base := path.Base(importPath)
	if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
		base = path.Base(path.Dir(importPath))
	}
	return strings.TrimPrefix(base, "go-")
}
