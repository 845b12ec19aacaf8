package main

import (
	"cmp"
	"flag"
	"fmt"
	"runtime/debug"
)

func versionCommand() subcommand {
	return subcommand{
		name: "version", summary: "print the version of tcretry, its commit and the version of Go",
		examples: []string{"tcretry version"},
		setup: func(*flag.FlagSet) func(env, []string) int {
			return func(e env, args []string) int {
				if len(args) > 0 {
					return e.misuse("version: unknown argument %q", args[0])
				}
				info, ok := debug.ReadBuildInfo()
				if !ok {
					return e.finding(fmt.Errorf("tcretry: built without a version"))
				}
				fmt.Fprintln(e.stdout, versionOf(info))
				return exitOK
			}
		},
	}
}

// versionOf returns the version in one line: that of the module, the commit if the build
// has it, and that of Go.
func versionOf(info *debug.BuildInfo) string {
	text := "tcretry " + cmp.Or(info.Main.Version, "(devel)")
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		text += ", commit " + commit
		if settings["vcs.modified"] == "true" {
			text += " with changes"
		}
	}
	return text + ", " + info.GoVersion
}
