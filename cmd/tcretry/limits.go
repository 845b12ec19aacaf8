package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/tcretry/tcretry/ratelimit"
)

func limitsCommand() subcommand {
	return subcommand{
		name: "limits", args: "file", summary: "print the rate limits that a program has saved",
		help: "The file is one that ratelimit.Adaptive.Save wrote. An entry that Load would ignore because of its age is " +
			"marked as old. The file \"-\" is the standard input.",
		examples: []string{"tcretry limits limits.json"},
		setup: func(*flag.FlagSet) func(env, []string) int {
			return func(e env, args []string) int {
				if len(args) != 1 {
					return e.misuse("limits: want one file")
				}
				return e.limits(args[0])
			}
		},
	}
}

// limits prints the saved limits of a file. What Load reports is a finding.
func (e env) limits(file string) int {
	in := e.stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return e.finding(fmt.Errorf("tcretry: %w", err))
		}
		defer opened.Close()
		in = opened
	}
	text, err := io.ReadAll(io.LimitReader(in, 8<<20))
	if err != nil {
		return e.finding(fmt.Errorf("tcretry: %s: %w", file, err))
	}
	code := exitOK
	limiter := new(ratelimit.Adaptive)
	if err := limiter.Load(bytes.NewReader(text)); err != nil {
		code = e.finding(fmt.Errorf("%s: %w", file, err))
	}
	var all, used savedLimits
	_ = json.Unmarshal(text, &all) // Load has reported it
	var valid bytes.Buffer
	if err := limiter.Save(&valid); err == nil {
		_ = json.Unmarshal(valid.Bytes(), &used)
	}
	e.printLimits(all, used)
	return code
}

// savedLimits is the form of a file of limits.
type savedLimits struct {
	Limits []savedLimit `json:"limits"`
}

type savedLimit struct {
	Host      string    `json:"host"`
	Action    string    `json:"action"`
	Limit     int       `json:"limit"`
	Rate      float64   `json:"rate"`
	LearnedAt time.Time `json:"learnedAt"`
}

// printLimits writes a table of all entries; those that are not used are marked.
func (e env) printLimits(all, used savedLimits) {
	type name struct{ host, action string }
	valid := map[name]bool{}
	for _, s := range used.Limits {
		valid[name{s.Host, s.Action}] = true
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "host\taction\tlimit/s\trate/s\tlearned\t")
	for _, s := range all.Limits {
		mark := ""
		if !valid[name{s.Host, s.Action}] {
			mark = "old or invalid"
		}
		fmt.Fprintf(w, "%q\t%q\t%d\t%.3g\t%s\t%s\n", s.Host, s.Action, s.Limit, s.Rate, s.LearnedAt.UTC().Format(time.DateTime), mark)
	}
	w.Flush()
}
