// Command tcretry explains how a Transport of package tcretry treats error codes of
// Tencent Cloud API 3.0, HTTP statuses and transport errors, checks policies, and is a
// proxy that makes the calls of other programs over a Transport:
//
//	go install github.com/tcretry/tcretry/cmd/tcretry@latest
//
//	tcretry explain RequestLimitExceeded cvm:InternalError.Test 502 EOF
//	tcretry codes -class throttled,busy -product dnspod
//	tcretry policy check policy.json
//	tcretry policy schema >policy.schema.json
//	tcretry limits limits.json
//	tcretry proxy
//
// Every command has -h. The exit status is 1 if a policy is not valid or cannot be read,
// or no code matches, and 2 for wrong usage.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// The exit codes. As with grep, 1 is a result, on which a script can branch.
const (
	exitOK      = 0
	exitFinding = 1 // a policy is not valid or cannot be read, or no code matches
	exitUsage   = 2 // wrong usage
)

// env holds the standard streams of a command.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// subcommand is one of the commands. Help and completions are generated from it.
type subcommand struct {
	name     string // one word, or two
	args     string // after the flags
	summary  string
	help     string // below the summary
	examples []string
	// setup defines the flags and returns what the command does with its arguments.
	setup func(*flag.FlagSet) func(e env, args []string) int
}

// commands returns the commands, in the order of the help.
func commands() []subcommand {
	return []subcommand{
		explainCommand(), checkCommand(), schemaCommand(), codesCommand(), limitsCommand(), proxyCommand(), completionCommand(), versionCommand(),
	}
}

// run is main with parameters and the exit code as its result.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := env{stdin, stdout, stderr}
	if len(args) == 0 {
		return e.misuse("want a command")
	}
	if isHelp(args[0]) {
		fmt.Fprint(stdout, usage())
		return exitOK
	}
	var group []string // the second words of the commands with this first word
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if words[0] != args[0] {
			continue
		}
		if len(words) == 1 {
			return c.run(e, args[1:])
		}
		if len(args) > 1 && args[1] == words[1] {
			return c.run(e, args[2:])
		}
		group = append(group, words[1])
	}
	switch {
	case group == nil:
		return e.misuse("unknown command %q", args[0])
	case len(args) > 1 && isHelp(args[1]):
		fmt.Fprint(stdout, usage())
		return exitOK
	}
	return e.misuse("%s: want %s", args[0], strings.Join(group, " or "))
}

func isHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

// run parses the flags of the command and runs it.
func (c subcommand) run(e env, args []string) int {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // one line instead of the list of flags
	do := c.setup(flags)
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(e.stdout, c.usage())
		return exitOK
	}
	if err != nil {
		return e.misuse("%s: %v", c.name, err)
	}
	return do(e, flags.Args())
}

// misuse reports wrong usage.
func (e env) misuse(format string, args ...any) int {
	fmt.Fprintf(e.stderr, "tcretry: "+format+"; see tcretry help\n", args...)
	return exitUsage
}

// finding reports an error that is the result of a command.
func (e env) finding(err error) int {
	fmt.Fprintln(e.stderr, err)
	return exitFinding
}

// writeJSON writes a value for other programs.
func (e env) writeJSON(v any) int {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return e.finding(fmt.Errorf("tcretry: %w", err))
	}
	return exitOK
}
