// Command tcretry says what error codes of Tencent Cloud API 3.0 mean to the
// transport of the same name, and checks policies.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// The exit codes. As with grep, 1 is an answer that a shell can branch on.
const (
	exitOK      = 0
	exitFinding = 1 // the policy has mistakes or cannot be read; no code matches
	exitUsage   = 2 // called wrongly
)

const usage = `tcretry says what error codes mean to a retrying transport, and checks policies.

Usage:

	tcretry explain [-policy file] [-json] code...   what a code means, and why
	tcretry policy check file...                     find the mistakes in policies
	tcretry codes [-class name] [-product name] [-json]
	                                                 list the built-in codes

A code may be narrowed to a service or an action: cvm:InternalError,
cvm.RunInstances:InternalError. The file "-" is the standard input. Codes of the
table are terminal, throttled, busy or transient.

Examples:

	tcretry explain RequestLimitExceeded InternalError.Test
	tcretry explain -policy policy.json cvm.RunInstances:InternalError
	tcretry policy check policy.json && deploy
	tcretry codes -class throttled -product dnspod

Exit codes: 0 done; 1 a policy has mistakes or cannot be read, or no code
matches; 2 called wrongly.
`

// env is where a command reads and writes.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run is main with its surroundings as parameters; it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := env{stdin, stdout, stderr}
	if len(args) == 0 {
		return e.misuse("want a command")
	}
	switch name, args := args[0], args[1:]; name {
	case "explain":
		return e.explain(args)
	case "policy":
		return e.policy(args)
	case "codes":
		return e.codes(args)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	default:
		return e.misuse("unknown command %q", name)
	}
}

// misuse tells of a wrong call.
func (e env) misuse(format string, args ...any) int {
	fmt.Fprintf(e.stderr, "tcretry: "+format+"; see tcretry help\n", args...)
	return exitUsage
}

// finding tells of an error that the answer consists of.
func (e env) finding(err error) int {
	fmt.Fprintln(e.stderr, err)
	return exitFinding
}

// parse parses the flags of a command. If it returns false, the command ends
// with the code.
func (e env) parse(flags *flag.FlagSet, args []string) (int, bool) {
	flags.SetOutput(io.Discard) // one line says more than the list of flags
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(e.stdout, usage)
		return exitOK, false
	}
	if err != nil {
		return e.misuse("%s: %v", flags.Name(), err), false
	}
	return exitOK, true
}

// writeJSON writes a value for other programs.
func (e env) writeJSON(v any) int {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return e.finding(fmt.Errorf("tcretry: %w", err))
	}
	return exitOK
}
