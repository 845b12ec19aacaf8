package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tcretry/tcretry"
)

// explain says what codes mean.
func (e env) explain(args []string) int {
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	file := flags.String("policy", "", "")
	asJSON := flags.Bool("json", false, "")
	if code, ok := e.parse(flags, args); !ok {
		return code
	}
	if flags.NArg() == 0 {
		return e.misuse("explain: want a code")
	}
	for _, code := range flags.Args() {
		// A code is a key of a policy: what is no key is a slip of the keyboard.
		asKey := tcretry.Policy{Codes: map[string]tcretry.Rule{code: {}}}
		if err := asKey.Validate(); err != nil {
			return e.misuse("explain: %q is not a code", code)
		}
	}
	var policy tcretry.Policy
	if *file != "" {
		var err error
		if policy, err = e.readPolicy(*file); err != nil {
			return e.finding(err)
		}
	}
	explanations := make([]tcretry.Explanation, 0, flags.NArg())
	for _, code := range flags.Args() {
		explanations = append(explanations, policy.Explain(code))
	}
	if *asJSON {
		return e.writeJSON(explanations)
	}
	for _, explanation := range explanations {
		fmt.Fprintln(e.stdout, explanation)
	}
	return exitOK
}

// policy checks policies, all of them, whatever is wrong with the first.
func (e env) policy(args []string) int {
	if len(args) == 0 || args[0] != "check" {
		return e.misuse("policy: want check")
	}
	flags := flag.NewFlagSet("policy check", flag.ContinueOnError)
	if code, ok := e.parse(flags, args[1:]); !ok {
		return code
	}
	if flags.NArg() == 0 {
		return e.misuse("policy check: want a file")
	}
	worst := exitOK
	for _, file := range flags.Args() {
		policy, err := e.readPolicy(file)
		if err != nil {
			worst = e.finding(err)
			continue
		}
		fmt.Fprintf(e.stdout, "%s: ok, %d rules\n", file, len(policy.Codes))
	}
	return worst
}

// readPolicy reads a policy from a file. Each line of its error begins with the
// name of the file.
func (e env) readPolicy(file string) (tcretry.Policy, error) {
	in := e.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return tcretry.Policy{}, fmt.Errorf("tcretry: %w", err)
		}
		defer f.Close()
		in = f
	}
	policy, err := tcretry.ParsePolicy(in)
	if err != nil {
		lines := strings.ReplaceAll(err.Error(), "\n", "\n"+file+": ")
		return tcretry.Policy{}, fmt.Errorf("%s: %s", file, lines)
	}
	return policy, nil
}

// codes lists the built-in table.
func (e env) codes(args []string) int {
	flags := flag.NewFlagSet("codes", flag.ContinueOnError)
	className := flags.String("class", "", "")
	product := flags.String("product", "", "")
	asJSON := flags.Bool("json", false, "")
	if code, ok := e.parse(flags, args); !ok {
		return code
	}
	if flags.NArg() > 0 {
		return e.misuse("codes: unknown argument %q", flags.Arg(0))
	}
	var class tcretry.Class // Undecided is any: no code has it
	if *className != "" {
		if err := class.UnmarshalText([]byte(*className)); err != nil || class == tcretry.Undecided {
			return e.misuse("codes: unknown class %q", *className)
		}
	}
	found := []tcretry.Explanation{}
	for _, code := range tcretry.Codes() {
		explanation := tcretry.Explain(code)
		if (*className == "" || explanation.Class == class) &&
			(*product == "" || slices.Contains(explanation.Products, *product)) {
			found = append(found, explanation)
		}
	}
	code := exitOK
	if len(found) == 0 {
		code = exitFinding
	}
	if *asJSON {
		return max(code, e.writeJSON(found))
	}
	listCodes(e.stdout, found)
	return code
}

// listCodes writes one code a line, in columns.
func listCodes(to io.Writer, found []tcretry.Explanation) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, explanation := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\n", explanation.Code, explanation.Class, strings.Join(explanation.Products, ","))
	}
	w.Flush()
}
