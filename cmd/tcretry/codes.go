package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tcretry/tcretry"
)

func codesCommand() subcommand {
	return subcommand{
		name: "codes", summary: "list the catalogue of codes: the class of each, its products, and the reason",
		help: "The classes are terminal, throttled, busy and transient. A code that is not listed has the class of its " +
			"family: RequestLimitExceeded, ResourceInUse and InternalError are retried, all others are terminal.",
		examples: []string{"tcretry codes -class throttled,busy -product dnspod", "tcretry codes -class transient -json"},
		setup: func(flags *flag.FlagSet) func(env, []string) int {
			var f codeFilter
			flags.Func("class", "only codes of the `classes`, separated by commas", f.setClasses)
			flags.StringVar(&f.product, "product", "", "only codes that a `product` documents, such as cvm")
			flags.StringVar(&f.prefix, "prefix", "", "only codes that begin with a `text`, such as FailedOperation.")
			names := flags.Bool("names", false, "write only the codes, one per line")
			asJSON := flags.Bool("json", false, "write JSON")
			return func(e env, args []string) int {
				if len(args) > 0 {
					return e.misuse("codes: unknown argument %q", args[0])
				}
				return e.codes(f, *names, *asJSON)
			}
		},
	}
}

// codeFilter selects the codes that are listed; a zero field selects all.
type codeFilter struct {
	classes         []tcretry.Class
	product, prefix string
}

func (f *codeFilter) setClasses(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		var class tcretry.Class
		if err := class.UnmarshalText([]byte(name)); err != nil || class == tcretry.Undecided {
			return fmt.Errorf("unknown class %q", name)
		}
		f.classes = append(f.classes, class)
	}
	return nil
}

func (f *codeFilter) covers(e tcretry.Explanation) bool {
	return (f.classes == nil || slices.Contains(f.classes, e.Class)) &&
		(f.product == "" || slices.Contains(e.Products, f.product)) && strings.HasPrefix(e.Code, f.prefix)
}

// codes lists the catalogue.
func (e env) codes(f codeFilter, names, asJSON bool) int {
	found := []tcretry.Explanation{}
	for _, code := range tcretry.Codes() {
		if explanation := tcretry.Explain(code); f.covers(explanation) {
			found = append(found, explanation)
		}
	}
	code := exitOK
	if len(found) == 0 {
		code = exitFinding
	}
	switch {
	case asJSON:
		return max(code, e.writeJSON(found))
	case names:
		for _, explanation := range found {
			fmt.Fprintln(e.stdout, explanation.Code)
		}
	default:
		listCodes(e.stdout, found)
	}
	return code
}

// listCodes writes one code per line, in columns.
func listCodes(to io.Writer, found []tcretry.Explanation) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, explanation := range found {
		class := explanation.Class.String()
		if explanation.IdempotentOnly {
			class += ", idempotent requests only"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", explanation.Code, class, strings.Join(explanation.Products, ","), explanation.Reason)
	}
	w.Flush()
}
