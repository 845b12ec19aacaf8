package main

import (
	"flag"

	"github.com/tcretry/tcretry/proxy/proxycmd"
)

func proxyCommand() subcommand {
	return subcommand{
		name: "proxy", summary: "make the API calls of programs in any language, with retries and one rate limiter",
		help: proxycmd.Help,
		examples: []string{
			"tcretry proxy",
			"tcretry proxy -listen unix:/run/tcretry.sock -policy policy.json",
		},
		setup: func(flags *flag.FlagSet) func(env, []string) int {
			command := new(proxycmd.Command)
			command.Define(flags)
			return func(e env, args []string) int {
				if len(args) > 0 {
					return e.misuse("proxy: unknown argument %q", args[0])
				}
				return command.Run(args, e.stderr)
			}
		},
	}
}
