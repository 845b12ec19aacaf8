// Command docs checks the documents of the repository, every Markdown file in it:
//
//	GOWORK=off go -C tools run ./docs
//
// Every Go snippet of README.md, docs and the READMEs of modules and examples
// compiles, and every link to a file or a heading of the repository resolves.
//
// A snippet with a package clause is a file, and compiles as it stands. One
// without is a fragment: declarations, statements or an expression. Its imports
// are those that the Go files of the repository have under the same names, and
// variables may stay unused. What else it needs is declared in an HTML comment
// directly above it, which readers of the document do not see:
//
//	<!-- snippet: var credential *common.Credential -->
//
// All see the modules of the workspace and what these require, the official SDK
// included. A fence with another language than go is not compiled.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its streams as parameters; it returns the exit code: 0 all is
// well, 1 it is not, 2 called wrongly.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("docs", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", "..", "the folder of the repository")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return 2
	}
	if err := check(*root, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// check reports all errors of all documents.
func check(root string, stdout io.Writer) error {
	r, err := load(root)
	if err != nil {
		return err
	}
	links, linkErr := r.checkLinks()
	fmt.Fprintf(stdout, "%d documents, %d links into the repository\n", len(r.documents), links)
	snippets, snippetErr := r.checkSnippets()
	fmt.Fprintf(stdout, "%d Go snippets, %d of them whole files\n", snippets.all, snippets.whole)
	return errors.Join(linkErr, snippetErr)
}
