package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// rootPath is the path of the root module and the prefix of all others.
const rootPath = "github.com/tcretry/tcretry"

// isPublished has every module of the repository, by its folder. A new one has
// to be entered, so that nobody forgets to publish it.
var isPublished = map[string]bool{
	".": true, "tcotel": true, "tcprom": true, "tcredis": true, "tcsdk": true,
	"bench": false, "examples": false, "tools": false,
}

// repository is a work tree and the go.mod files in it.
type repository struct {
	root string
	mods []mod
}

// mod is a go.mod, or a file of that form under another name, for -modfile.
type mod struct {
	name string // of the file, from the root, with slashes
	path string // of the module
	file *modfile.File
}

func (m mod) dir() string    { return path.Dir(m.name) }
func (m mod) isModule() bool { return path.Base(m.name) == "go.mod" }

// load reads every go.mod in the work tree at root.
func load(root string) (*repository, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	r := &repository{root: root}
	names, err := r.files("*.mod")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		file, err := modfile.Parse(name, data, nil)
		if err != nil {
			return nil, err
		}
		r.mods = append(r.mods, mod{name: name, path: file.Module.Mod.Path, file: file})
	}
	return r, nil
}

// files returns the files in the work tree that a commit of all of it would
// have, by their names from the root, optionally only those of some pathspecs.
func (r *repository) files(pathspecs ...string) ([]string, error) {
	args := append([]string{"ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"}, pathspecs...)
	out, err := r.git(args...)
	if err != nil {
		return nil, err
	}
	names := strings.FieldsFunc(out, func(c rune) bool { return c == 0 })
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, err := os.Lstat(filepath.Join(r.root, name)) // deleted, not yet committed
		return err != nil
	}), nil
}

func (r *repository) git(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", r.root}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}

// published returns the modules that a release consists of, the root first.
func (r *repository) published() []mod {
	return slices.DeleteFunc(slices.Clone(r.mods), func(m mod) bool { return !m.isModule() || !isPublished[m.dir()] })
}

// version is the one at which the modules require each other, that of the next
// release or, between releases, of the last. The error has everything that
// would keep one of them from being used.
func (r *repository) version() (string, error) {
	var wrong []error
	versions := map[string]bool{}
	for _, m := range r.mods {
		for _, req := range m.file.Require {
			if !ours(req.Mod.Path) {
				continue
			}
			versions[req.Mod.Version] = true
			if strings.HasPrefix(req.Mod.Version, "v0.0.0") {
				wrong = append(wrong, fmt.Errorf("%s requires %s, which nobody can get", m.name, req.Mod))
			}
			if !replaced(m, req.Mod.Path) {
				wrong = append(wrong, fmt.Errorf("%s has no replace for %s", m.name, req.Mod.Path))
			}
		}
		wrong = append(wrong, r.complete(m))
	}
	all := slices.Sorted(maps.Keys(versions))
	if len(all) != 1 {
		wrong = append(wrong, fmt.Errorf("the modules require each other at %d versions, not at one: %s", len(all), strings.Join(all, ", ")))
	}
	changelog, err := os.ReadFile(filepath.Join(r.root, "CHANGELOG.md"))
	if err != nil {
		wrong = append(wrong, err)
	}
	if last := lastRelease(string(changelog)); last != "" && !versions[last] {
		wrong = append(wrong, fmt.Errorf("the last release in CHANGELOG.md is %s, the modules require %s", last, strings.Join(all, ", ")))
	}
	if err := errors.Join(wrong...); err != nil {
		return "", err
	}
	return all[0], nil
}

// complete checks that a module is in the list above and, if it is published,
// has what pkg.go.dev shows of it: without a license not even its documentation.
func (r *repository) complete(m mod) error {
	if !m.isModule() {
		return nil
	}
	publish, listed := isPublished[m.dir()]
	if !listed {
		return fmt.Errorf("%s: enter it in tools/release/modules.go, as published or not", m.name)
	}
	var missing []error
	for _, name := range []string{"LICENSE", "README.md"} {
		if _, err := os.Stat(filepath.Join(r.root, m.dir(), name)); publish && err != nil {
			missing = append(missing, fmt.Errorf("%s has no %s", m.path, name))
		}
	}
	return errors.Join(missing...)
}

// ours says whether a module path is one of this repository.
func ours(path string) bool { return path == rootPath || strings.HasPrefix(path, rootPath+"/") }

// replaced says whether m has a replace directive for all versions of a path.
func replaced(m mod, path string) bool {
	return slices.ContainsFunc(m.file.Replace, func(r *modfile.Replace) bool {
		return r.Old.Path == path && r.Old.Version == "" && r.New.Version == ""
	})
}
