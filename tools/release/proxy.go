package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// proxy is a module proxy made of files, and a module cache that uses it. The
// cache is one of its own: what is packed here must never be taken, later, for
// the version that was published.
type proxy struct {
	dir  string // holds the folders of both
	env  []string
	sums []string // lines of a go.sum
}

// newProxy returns an empty proxy in dir. What is not in it comes from the
// module cache of this machine, and what is not there from its own proxies.
func newProxy(dir string) (*proxy, error) {
	out, err := exec.Command("go", "env", "-json", "GOPROXY", "GOMODCACHE", "GONOSUMDB").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	var machine struct{ GOPROXY, GOMODCACHE, GONOSUMDB string }
	if err := json.Unmarshal(out, &machine); err != nil {
		return nil, err
	}
	p := &proxy{dir: dir}
	proxies := []string{"file://" + p.files(), "file://" + filepath.Join(machine.GOMODCACHE, "cache", "download")}
	for _, s := range strings.FieldsFunc(machine.GOPROXY, func(c rune) bool { return c == ',' || c == '|' }) {
		// Not from the repositories themselves: the modules of this one are to
		// be found in the pack or nowhere.
		if s != "direct" && s != "off" {
			proxies = append(proxies, s)
		}
	}
	p.env = append(os.Environ(),
		"GOWORK=off", "GOTOOLCHAIN=local",
		"GOPROXY="+strings.Join(proxies, ","),
		"GONOSUMDB="+strings.Trim(rootPath+","+machine.GONOSUMDB, ","),
		"GOMODCACHE="+filepath.Join(dir, "cache"),
		// Trimmed, what others wrote is found in the build cache from run to run.
		"GOFLAGS=-modcacherw -trimpath",
	)
	return p, os.MkdirAll(p.files(), 0o777)
}

func (p *proxy) files() string { return filepath.Join(p.dir, "proxy") }

// file is the name of a file of a version. None of our paths has a capital
// letter, which the protocol would escape.
func (p *proxy) file(v module.Version, ext string) string {
	return filepath.Join(p.files(), filepath.FromSlash(v.Path), "@v", v.Version+ext)
}

// command returns a command in a folder that sees the proxy.
func (p *proxy) command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, p.env
	return cmd
}

// output runs a command and returns what it printed; the error has both streams.
func (p *proxy) output(dir, name string, args ...string) (string, error) {
	cmd := p.command(dir, name, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		streams := strings.TrimSpace(stdout.String() + stderr.String())
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, streams)
	}
	return strings.TrimSpace(stdout.String()), nil
}

// add packs a module of the work tree as a version.
func (p *proxy) add(r *repository, m mod, version string) error {
	goMod, err := os.ReadFile(filepath.Join(r.root, m.name))
	if err != nil {
		return err
	}
	v := module.Version{Path: m.path, Version: version}
	return p.write(v, true, goMod, func(w io.Writer) error { return zipTree(w, r, m, v) })
}

// zipTree writes the zip of a module as the work tree has it.
func zipTree(w io.Writer, r *repository, m mod, v module.Version) error {
	names, err := r.files(m.dir())
	if err != nil {
		return err
	}
	var files []zip.File
	for _, name := range names {
		inModule, err := filepath.Rel(m.dir(), name)
		if err != nil {
			return err
		}
		files = append(files, treeFile{name: filepath.ToSlash(inModule), file: filepath.Join(r.root, name)})
	}
	return zip.Create(w, v, files)
}

// addTag packs a module as a tag of the repository has it.
func (p *proxy) addTag(r *repository, m mod, tag string) error {
	goMod, err := r.git("show", tag+":"+m.name)
	if err != nil {
		return err
	}
	v := module.Version{Path: m.path, Version: path.Base(tag)}
	return p.write(v, true, []byte(goMod), func(w io.Writer) error {
		return zip.CreateFromVCS(w, v, r.root, tag, strings.TrimPrefix(m.dir(), "."))
	})
}

// write puts a version of a module where the go command looks for it if it is
// required: see https://go.dev/ref/mod#goproxy-protocol.
func (p *proxy) write(v module.Version, published bool, goMod []byte, pack func(io.Writer) error) error {
	base := p.file(v, "")
	if err := os.MkdirAll(filepath.Dir(base), 0o777); err != nil {
		return err
	}
	var zipped bytes.Buffer
	if err := pack(&zipped); err != nil {
		return fmt.Errorf("packing %s: %w", v, err)
	}
	for name, content := range map[string][]byte{
		base + ".info": fmt.Appendf(nil, "{\"Version\":%q,\"Time\":\"2000-01-01T00:00:00Z\"}\n", v.Version),
		base + ".mod":  goMod,
		base + ".zip":  zipped.Bytes(),
	} {
		if err := os.WriteFile(name, content, 0o666); err != nil {
			return err
		}
	}
	if err := p.list(v, published); err != nil {
		return err
	}
	return p.sum(v, base)
}

// list enters a version in the list of those that were published, or none: then
// the list is empty, and nobody looks for one elsewhere.
func (p *proxy) list(v module.Version, published bool) error {
	name := filepath.Join(filepath.Dir(p.file(v, "")), "list")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	if published {
		_, err = fmt.Fprintln(file, v.Version)
	}
	return errors.Join(err, file.Close())
}

// sum adds the checksums of a version to those that a user's go.sum would have.
func (p *proxy) sum(v module.Version, base string) error {
	all, err := dirhash.HashZip(base+".zip", dirhash.Hash1)
	if err != nil {
		return err
	}
	goMod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(base + ".mod") })
	if err != nil {
		return err
	}
	p.sums = append(p.sums, fmt.Sprintf("%s %s %s", v.Path, v.Version, all), fmt.Sprintf("%s %s/go.mod %s", v.Path, v.Version, goMod))
	slices.Sort(p.sums)
	return nil
}

// treeFile is a file of the work tree in a zip.
type treeFile struct{ name, file string }

func (f treeFile) Path() string                 { return f.name }
func (f treeFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.file) }
func (f treeFile) Open() (io.ReadCloser, error) { return os.Open(f.file) }
