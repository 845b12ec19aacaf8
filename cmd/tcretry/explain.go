package main

import (
	"flag"
	"fmt"
	"strings"

	"github.com/tcretry/tcretry"
)

func explainCommand() subcommand {
	return subcommand{
		name: "explain", args: "[code...]", summary: "explain a code: what it means, whether it is retried, and why",
		help: "A code may be scoped to a service or an action: cvm:InternalError, cvm.RunInstances:InternalError. " +
			"It also accepts a number of API 2.0 (4400), an HTTP status (502), a transport error " +
			"(" + strings.Join(tcretry.TransportErrors(), ", ") + "), " +
			"a code with its message (\"LimitExceeded: …\": the message determines the class of a few codes), " +
			"a line of a log that contains one of these, and a response in JSON. Without a code, or for \"-\", they are " +
			"read from the standard input.",
		examples: []string{
			"tcretry explain RequestLimitExceeded cvm:InternalError.Test 502 EOF",
			"tcretry explain -policy policy.json cvm.RunInstances:InternalError",
			`curl … | tcretry explain`,
			`tcretry explain "[TencentCloudSDKError] Code=ResourceInUse, Message=…"`,
		},
		setup: func(flags *flag.FlagSet) func(env, []string) int {
			file := flags.String("policy", "", "explain by the policy in `file`, and what it changes")
			asJSON := flags.Bool("json", false, "write JSON")
			return func(e env, args []string) int { return e.explain(args, *file, *asJSON) }
		},
	}
}

// explain explains codes, by the policy in a file if there is one.
func (e env) explain(args []string, file string, asJSON bool) int {
	if len(args) == 0 && e.isTerminal() {
		return e.misuse("explain: want a code")
	}
	found, err := e.subjects(args)
	switch {
	case err != nil:
		return e.finding(err)
	case len(found) == 0:
		return e.misuse("explain: want a code")
	}
	for _, subject := range found {
		if !isSubject(subject) {
			return e.misuse("explain: %q is not a code", subject)
		}
	}
	explanation := tcretry.Explain
	if file != "" {
		if file == "-" && (len(args) == 0 || args[0] == "-") {
			return e.misuse("explain: the standard input cannot be both the policy and the codes")
		}
		policy, err := e.readPolicy(file)
		if err != nil {
			return e.finding(err)
		}
		explanation = policy.Explain
	}
	all := make([]tcretry.Explanation, len(found))
	for i, subject := range found {
		all[i] = explanation(subject)
	}
	if asJSON {
		return e.writeJSON(all)
	}
	for _, x := range all {
		fmt.Fprintln(e.stdout, x)
	}
	return exitOK
}
