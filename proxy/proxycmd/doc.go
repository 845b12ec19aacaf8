// Package proxycmd is the command line of a [proxy.Proxy]: its flags, its signals, its
// policy file and its log. The command tcretry proxy is made of it; a program of your
// own can add hooks and pages, as tcretry-proxy of module tcprom adds metrics:
//
//	command := proxycmd.Command{Options: []tcretry.Option{tcretry.WithHooks(hooks)}}
//	command.Define(flag.CommandLine)
//	flag.Parse()
//	os.Exit(command.Run(flag.Args(), os.Stderr))
package proxycmd
