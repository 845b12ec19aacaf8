// Command codes rebuilds the table of codes that tcretry embeds, and says what
// changed:
//
//	GOWORK=off go -C tools run ./codes
//
// It reads the documented codes whose meaning differs from that of their family
// (code, class, products) and, over them, the notes kept beside this file (code,
// class, least wait, products, reason). Run it after either changed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its streams as parameters; it returns the exit code: 0 done,
// 1 not done, 2 called wrongly.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("codes", flag.ContinueOnError)
	flags.SetOutput(stderr)
	source := flags.String("source", "../testdata/codes.tsv", "documented codes: code, class, products")
	notes := flags.String("notes", "codes/notes.tsv", "what is known beyond: code, class, least wait, products, reason")
	out := flags.String("out", "../internal/codes/codes.tsv", "the table to rebuild")
	check := flags.Bool("check", false, "write nothing; exit 1 if the table is out of date")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	changed, err := rebuild(*source, *notes, *out, *check, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "codes:", err)
		return 1
	}
	if *check && changed {
		return 1
	}
	return 0
}

// rebuild writes the table to out, prints to stdout what changed, and returns
// whether anything did.
func rebuild(source, notes, out string, check bool, stdout io.Writer) (bool, error) {
	t := table{}
	if err := t.read(source, parseSource); err != nil {
		return false, err
	}
	if err := t.read(notes, parseNote); err != nil {
		return false, err
	}
	old := table{}
	// A table that is not there yet is an empty one: everything is new.
	if err := old.read(out, parseNote); err != nil && !os.IsNotExist(err) {
		return false, err
	}
	changes := t.changesSince(old)
	for _, c := range changes {
		fmt.Fprintln(stdout, c)
	}
	fmt.Fprintf(stdout, "%d codes, %d changed\n", len(t), len(changes))
	if check {
		return len(changes) > 0, nil
	}
	return len(changes) > 0, os.WriteFile(out, []byte(t.String()), 0o644)
}
