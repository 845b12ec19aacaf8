package main

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// programs has one for each published module, by the name of its folder, that
// imports it and no other of ours.
//
//go:embed fresh/*.go.txt
var programs embed.FS

// checkFresh does with each published module what its first user does: a new
// module, go get, a program, go build. Then it installs the command.
func (p *proxy) checkFresh(r *repository, version string, stdout io.Writer) error {
	var wrong []error
	for _, m := range r.published() {
		if err := p.useAlone(m, version); err != nil {
			wrong = append(wrong, fmt.Errorf("a fresh program with %s: %w", m.path, err))
			continue
		}
		fmt.Fprintf(stdout, "a fresh program gets and builds %s@%s\n", m.path, version)
	}
	if err := p.install(version); err != nil {
		wrong = append(wrong, err)
	} else {
		fmt.Fprintf(stdout, "go install %s/cmd/tcretry@%s works\n", rootPath, version)
	}
	return errors.Join(wrong...)
}

// useAlone gets and builds one module.
func (p *proxy) useAlone(m mod, version string) error {
	program, err := programs.ReadFile("fresh/" + path.Base(m.path) + ".go.txt")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(p.dir, "fresh-")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), program, 0o666); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "init", "fresh.example"},
		{"get", m.path + "@" + version},
		{"vet", "."},
		{"build", "-o", os.DevNull, "."},
	} {
		if _, err := p.output(dir, "go", args...); err != nil {
			return err
		}
	}
	return p.onlyVersion(dir, version)
}

// onlyVersion checks that every module of ours in a build is exactly the version
// required, and comes from the pack.
func (p *proxy) onlyVersion(dir, version string) error {
	list, err := p.output(dir, "go", "list", "-m", "-f", "{{.Path}} {{.Version}} {{with .Replace}}replaced{{end}}", "all")
	if err != nil {
		return err
	}
	var wrong []error
	seen := false
	for line := range strings.Lines(list) {
		path, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !ours(path) {
			continue
		}
		seen = seen || path == rootPath
		if got := strings.TrimSpace(rest); got != version {
			wrong = append(wrong, fmt.Errorf("%s is %s, not %s", path, got, version))
		}
	}
	if !seen {
		wrong = append(wrong, fmt.Errorf("%s is not in the build", rootPath))
	}
	return errors.Join(wrong...)
}

// install installs the command from the pack and runs it.
func (p *proxy) install(version string) error {
	bin := filepath.Join(p.dir, "bin")
	if err := os.MkdirAll(bin, 0o777); err != nil {
		return err
	}
	p.env = append(p.env, "GOBIN="+bin)
	if _, err := p.output(p.dir, "go", "install", rootPath+"/cmd/tcretry@"+version); err != nil {
		return err
	}
	out, err := p.output(p.dir, filepath.Join(bin, "tcretry"), "version")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(out, "tcretry "+version+",") {
		return fmt.Errorf("tcretry version prints %q, not version %s", out, version)
	}
	return nil
}
