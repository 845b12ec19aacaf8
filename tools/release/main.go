// Command release checks that the published modules of this repository can be
// used without it, and prepares a release of them:
//
//	GOWORK=off go -C tools run ./release check
//	GOWORK=off go -C tools run ./release prepare v0.2.0
//
// check packs each published module, as it is in the work tree, into a module
// proxy that consists of files. From there a fresh program gets and builds each
// one alone, cmd/tcretry is installed, and gorelease compares each module with
// the last release. prepare writes the version of a release into every go.mod
// and into CHANGELOG.md. Nothing is published, committed or tagged by either.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

const usage = `usage: release [-root DIR] check
       release [-root DIR] prepare VERSION`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its streams as parameters; it returns the exit code: 0 done,
// 1 not done, 2 called wrongly.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprintln(stderr, usage) }
	root := flags.String("root", "..", "the folder of the repository")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	var err error
	switch args := flags.Args(); {
	case len(args) == 1 && args[0] == "check":
		err = check(*root, stdout)
	case len(args) == 2 && args[0] == "prepare":
		err = prepare(*root, args[1], time.Now().UTC(), stdout)
	default:
		flags.Usage()
		return 2
	}
	if err != nil {
		fmt.Fprintf(stderr, "release: %v\n", err)
		return 1
	}
	return 0
}

// check proves what RELEASE.md says of the modules in the work tree.
func check(root string, stdout io.Writer) (err error) {
	r, err := load(root)
	if err != nil {
		return err
	}
	version, err := r.version()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	p, err := newProxy(dir)
	if err != nil {
		return err
	}
	for _, m := range r.published() {
		if err := p.add(r, m, version); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "packed %s@%s\n", m.path, version)
	}
	if err := p.checkFresh(r, version, stdout); err != nil {
		return err
	}
	return p.compare(r, version, stdout)
}
