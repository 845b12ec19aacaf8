package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/zip"
)

// compare runs gorelease on each published module: against the last release, or
// against none if this is the first. It fails if the version does not allow for
// the changes: see https://pkg.go.dev/golang.org/x/exp/cmd/gorelease.
//
// Between releases the modules still require the last one. Then they are
// compared as its next minor version, which a change of the API needs anyway.
func (p *proxy) compare(r *repository, version string, stdout io.Writer) error {
	tags, err := r.git("tag", "--list", "v*")
	if err != nil {
		return err
	}
	next := version
	base := lastTag(strings.Fields(tags), version)
	if base == version {
		next = nextMinor(version)
	}
	gorelease := filepath.Join(p.dir, "gorelease")
	// In this program's own module, which pins it, and with the caches of this machine.
	if out, err := exec.Command("go", "build", "-o", gorelease, "golang.org/x/exp/cmd/gorelease").CombinedOutput(); err != nil {
		return fmt.Errorf("building gorelease: %w\n%s", err, out)
	}
	// The tree that is compared and what it requires are packed anew, as next,
	// beside the release that the first proxy may have under the same version.
	q, err := newProxy(filepath.Join(p.dir, "compare"))
	if err != nil {
		return err
	}
	return q.compareAll(r, gorelease, base, next, stdout)
}

// compareAll is compare with the versions settled; base may be "" for none.
func (p *proxy) compareAll(r *repository, gorelease, base, next string, stdout io.Writer) error {
	trees, bases := map[string]string{}, map[string]string{}
	for _, m := range r.published() {
		var err error
		if bases[m.path], err = p.addBase(r, m, base); err != nil {
			return err
		}
		if trees[m.path], err = p.addNext(r, m, next); err != nil {
			return err
		}
	}
	for _, m := range r.published() {
		if err := p.completeSums(trees[m.path]); err != nil {
			return err
		}
		report, err := p.output(trees[m.path], gorelease, "-base="+bases[m.path], "-version="+next)
		if err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
		fmt.Fprintf(stdout, "gorelease %s, %s after %s:\n%s\n", m.path, next, bases[m.path], report)
	}
	return nil
}

// addBase packs a module of the last release and returns its version: "none" if
// there is no release, or none with this module.
func (p *proxy) addBase(r *repository, m mod, base string) (string, error) {
	if base == "" {
		return "none", nil
	}
	if has, err := r.git("ls-tree", "--name-only", base, "--", m.name); err != nil || has == "" {
		return "none", err
	}
	return base, p.addTag(r, m, base)
}

// addNext packs a module of the work tree whose go.mod requires the others at the
// same version, and returns a folder with its files. The version is not listed:
// gorelease refuses one that was published.
func (p *proxy) addNext(r *repository, m mod, next string) (tree string, err error) {
	v := module.Version{Path: m.path, Version: next}
	tree = filepath.Join(p.dir, "trees", filepath.FromSlash(m.path), next) // no folder in another's
	var zipped bytes.Buffer
	if err := zipTree(&zipped, r, m, v); err != nil {
		return "", err
	}
	name := p.file(v, ".tree.zip")
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return "", err
	}
	if err := os.WriteFile(name, zipped.Bytes(), 0o666); err != nil {
		return "", err
	}
	if err := zip.Unzip(tree, v, name); err != nil {
		return "", err
	}
	goMod, err := asUsersSeeIt(filepath.Join(tree, "go.mod"), next)
	if err != nil {
		return "", err
	}
	if err := os.Chmod(filepath.Join(tree, "go.mod"), 0o666); err != nil { // zip.Unzip makes it read-only
		return "", err
	}
	if err := os.WriteFile(filepath.Join(tree, "go.mod"), goMod, 0o666); err != nil {
		return "", err
	}
	return tree, p.write(v, false, goMod, func(w io.Writer) error { return zip.CreateFromDir(w, v, tree) })
}

// asUsersSeeIt returns a go.mod without its replace directives, which count for
// the main module only, and with our modules at a version.
func asUsersSeeIt(name, version string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return nil, err
	}
	for _, rep := range append([]*modfile.Replace(nil), file.Replace...) {
		if err := file.DropReplace(rep.Old.Path, rep.Old.Version); err != nil {
			return nil, err
		}
	}
	requireAt(file, version)
	return file.Format()
}

// completeSums adds the checksums of the pack to a go.sum. The published one
// lacks them: modules that are released together cannot have each other's.
func (p *proxy) completeSums(tree string) error {
	name := filepath.Join(tree, "go.sum")
	data, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) { // zip.Unzip makes it read-only
		return err
	}
	return os.WriteFile(name, append(data, strings.Join(p.sums, "\n")+"\n"...), 0o666)
}

// lastTag is the highest version among tags that is not above version, or "".
func lastTag(tags []string, version string) string {
	last := ""
	for _, tag := range tags {
		if semver.Canonical(tag) == tag && semver.Compare(tag, version) <= 0 && semver.Compare(tag, last) > 0 {
			last = tag
		}
	}
	return last
}

// nextMinor is v1.3.0 for v1.2.3.
func nextMinor(version string) string {
	var major, minor int
	// A canonical version, from a tag: it has both numbers.
	_, _ = fmt.Sscanf(version, "v%d.%d", &major, &minor)
	return fmt.Sprintf("v%d.%d.0", major, minor+1)
}
