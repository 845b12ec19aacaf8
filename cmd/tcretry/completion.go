package main

import (
	_ "embed"
	"flag"
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// The scripts are templates that are executed with the commands.
var (
	//go:embed completion.bash
	bashScript string
	//go:embed completion.zsh
	zshScript string
	//go:embed completion.fish
	fishScript string
)

func completionCommand() subcommand {
	shells := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
	return subcommand{
		name: "completion", args: "bash|zsh|fish", summary: "print a script with which a shell completes commands, flags and codes",
		examples: []string{
			"source <(tcretry completion bash)",
			"source <(tcretry completion zsh)",
			"tcretry completion fish | source",
		},
		setup: func(*flag.FlagSet) func(env, []string) int {
			return func(e env, args []string) int {
				if len(args) != 1 || shells[args[0]] == "" {
					return e.misuse("completion: want bash, zsh or fish")
				}
				script := template.Must(template.New(args[0]).Parse(shells[args[0]]))
				if err := script.Execute(e.stdout, completions()); err != nil {
					return e.finding(fmt.Errorf("tcretry: %w", err))
				}
				return exitOK
			}
		},
	}
}

// completion is a command in the data of the templates.
type completion struct {
	Name, Summary string
	Words         []string // the flags, and the words that are possible as arguments
	Files, Codes  bool     // whether files or codes are possible as arguments
}

// completions returns the data of the templates: the commands and their first words.
func completions() (all struct {
	First    []string
	Commands []completion
},
) {
	for _, c := range commands() {
		words, isWords := []string(nil), strings.Contains(c.args, "|")
		for _, f := range c.flags() {
			words = append(words, "-"+f.Name)
		}
		if isWords {
			words = append(words, strings.Split(c.args, "|")...)
		}
		first, _, _ := strings.Cut(c.name, " ")
		if !slices.Contains(all.First, first) {
			all.First = append(all.First, first)
		}
		all.Commands = append(all.Commands, completion{
			Name: c.name, Summary: c.summary, Words: words,
			Files: strings.HasPrefix(c.args, "file"), Codes: strings.Contains(c.args, "code"),
		})
	}
	all.First = append(all.First, "help")
	return all
}
