package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// prepare writes a version into every go.mod and the changelog, and prints what
// is left to do. It changes no file unless all of them can be changed.
func prepare(root, version string, day time.Time, stdout io.Writer) error {
	r, err := load(root)
	if err != nil {
		return err
	}
	edited, wrong := map[string][]byte{}, []error{r.newVersion(version)}
	for _, m := range r.mods {
		requireAt(m.file, version)
		if edited[m.name], err = m.file.Format(); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", m.name, err))
		}
	}
	const changelog = "CHANGELOG.md"
	old, err := os.ReadFile(filepath.Join(r.root, changelog))
	if err != nil {
		wrong = append(wrong, err)
	} else if text, err := released(string(old), version, day); err != nil {
		wrong = append(wrong, err)
	} else {
		edited[changelog] = []byte(text)
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	for name, data := range edited {
		if err := os.WriteFile(filepath.Join(r.root, name), data, 0o666); err != nil {
			return err
		}
	}
	if err := r.tidy(); err != nil {
		return err
	}
	r.printNext(version, stdout)
	return nil
}

// newVersion checks that a version is one that a release can have.
func (r *repository) newVersion(version string) error {
	if !semver.IsValid(version) || semver.Canonical(version) != version || semver.Major(version) > "v1" {
		return fmt.Errorf("version %q is not of the form v0.1.0 or v1.2.3-rc.1", version)
	}
	if strings.HasPrefix(version, "v0.0.") {
		return fmt.Errorf("version %s: the first one is v0.1.0", version)
	}
	tag, err := r.git("tag", "--list", version)
	if err == nil && tag != "" {
		err = fmt.Errorf("version %s: there is a tag for it; a published version cannot change", version)
	}
	return err
}

// requireAt changes the version of our modules where a go.mod requires them.
func requireAt(file *modfile.File, version string) {
	for _, req := range file.Require {
		if !ours(req.Mod.Path) {
			continue
		}
		// Not AddRequire: it would move the line out of its block.
		req.Syntax.Token[len(req.Syntax.Token)-1] = version
		req.Mod.Version = version
	}
}

// tidy tidies each module by itself.
func (r *repository) tidy() error {
	for _, m := range r.mods {
		if !m.isModule() {
			continue
		}
		cmd := exec.Command("go", "mod", "tidy")
		cmd.Dir, cmd.Env = filepath.Join(r.root, m.dir()), append(os.Environ(), "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go mod tidy in %s: %w\n%s", m.dir(), err, out)
		}
	}
	return nil
}

// printNext prints the commands that follow, which need a person's decision.
func (r *repository) printNext(version string, stdout io.Writer) {
	var tags []string
	for _, m := range r.published() {
		tags = append(tags, strings.TrimPrefix(m.dir()+"/"+version, "./"))
	}
	fmt.Fprintf(stdout, `prepared %[1]s. Read the difference, then:

	.ci/run
	git commit -am "release: %[1]s"

and, when that commit is on main:

	for tag in %[2]s; do git tag -a -m "$tag" "$tag"; done
	git push --atomic origin %[2]s
`, version, strings.Join(tags, " "))
}
