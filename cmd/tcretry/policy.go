package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/tcretry/tcretry"
)

func checkCommand() subcommand {
	return subcommand{
		name: "policy check", args: "file...", summary: "report invalid values in policies, and what is probably not meant",
		help: "A policy is not valid if ParsePolicy rejects it. Warnings concern rules without effect, names that " +
			"are not documented and limits that contradict each other; they change the exit code only with -strict. " +
			"The file \"-\" is the standard input.",
		examples: []string{"tcretry policy check policy.json", "tcretry policy check -strict policy.json && deploy"},
		setup: func(flags *flag.FlagSet) func(env, []string) int {
			strict := flags.Bool("strict", false, "treat warnings as errors: exit with 1")
			return func(e env, args []string) int { return e.checkPolicies(args, *strict) }
		},
	}
}

// checkPolicies checks all policies, also after one that is not valid.
func (e env) checkPolicies(files []string, strict bool) int {
	if len(files) == 0 {
		return e.misuse("policy check: want a file")
	}
	worst := exitOK
	for _, file := range files {
		policy, err := e.readPolicy(file)
		if err != nil {
			worst = e.finding(err)
			continue
		}
		warnings := policy.Lint()
		for _, w := range warnings {
			fmt.Fprintf(e.stderr, "%s: warning: %s\n", file, w.InJSON())
		}
		if strict && len(warnings) > 0 {
			worst = exitFinding
			fmt.Fprintf(e.stdout, "%s: %d warnings, which -strict treats as errors\n", file, len(warnings))
			continue
		}
		fmt.Fprintf(e.stdout, "%s: ok, %d rules", file, len(policy.Codes))
		if len(policy.Limits) > 0 {
			fmt.Fprintf(e.stdout, ", %d limits", len(policy.Limits))
		}
		if len(warnings) > 0 {
			fmt.Fprintf(e.stdout, ", %d warnings", len(warnings))
		}
		fmt.Fprintln(e.stdout)
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

func schemaCommand() subcommand {
	return subcommand{
		name: "policy schema", summary: "print the JSON Schema of policies, with which editors complete and check them",
		help:     "A policy names its schema in the field \"$schema\": the name of a file, or an address.",
		examples: []string{"tcretry policy schema >policy.schema.json"},
		setup: func(*flag.FlagSet) func(env, []string) int {
			return func(e env, args []string) int {
				if len(args) > 0 {
					return e.misuse("policy schema: unknown argument %q", args[0])
				}
				fmt.Fprint(e.stdout, tcretry.PolicySchema())
				return exitOK
			}
		},
	}
}
