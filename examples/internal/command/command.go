// Package command reads the command lines of the examples, all in the same way.
package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// Flags returns an empty set of flags for the example of that name. source is its
// main.go, whose package comment describes it: that is the text of -h.
func Flags(name, source string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() {
		synopsis(flags)
		fmt.Fprintf(flags.Output(), "\n%s", comment(source))
	}
	return flags
}

// synopsis writes how to start the example, and its flags.
func synopsis(flags *flag.FlagSet) {
	fmt.Fprintf(flags.Output(), "usage: go run ./examples/%s [flags]\n", flags.Name())
	fmt.Fprint(flags.Output(), "  -h\twhat it shows\n")
	flags.PrintDefaults()
}

// comment is the package comment at the beginning of source.
func comment(source string) string {
	var text strings.Builder
	for line := range strings.Lines(source) {
		line, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		text.WriteString(strings.TrimPrefix(line, " "))
	}
	return text.String()
}

// Parse reads args. For -h it writes the usage to stdout and returns flag.ErrHelp.
// An unknown flag, an invalid value and an argument, which no example has, are errors.
func Parse(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	usage := flags.Usage
	flags.Usage = func() {} // once, and not for an error
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	flags.Usage = usage
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return err
}

// Fail writes err to w, and how to start the example.
func Fail(flags *flag.FlagSet, w io.Writer, err error) {
	fmt.Fprintln(w, err)
	flags.SetOutput(w)
	synopsis(flags)
}

// Main parses the command line of the process, then runs the example. The exit
// status is 1 for an error of run and 2 for a command line that is wrong.
func Main(flags *flag.FlagSet, run func() error) {
	err := Parse(flags, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		Fail(flags, os.Stderr, err)
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
