package proxycmd

import (
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy"
)

// The exit codes of [Command.Run].
const (
	ExitOK     = 0 // stopped by a signal, every call ended
	ExitFailed = 1 // could not listen or read the policy, or calls were cut off
	ExitUsage  = 2 // called wrongly
)

// Help says what the command does, below its summary.
const Help = "It listens on loopback and calls the API over TLS, with the retries, the rate limiter, the retry budget and " +
	"the connections of one Transport for all programs that use it. Set the protocol of a program to HTTP, and this as its " +
	"HTTP proxy: its signatures stay valid, because the host stays. SIGTERM and SIGINT drain: calls in progress end first. " +
	"SIGHUP reads -policy again; a file that is not valid changes nothing. The admin address has /healthz and, in JSON, /state. " +
	"The log is written to the standard error, without headers, bodies and messages of the API."

// A Command is a proxy as a program runs it. Call Define, then parse the flags, then
// call Run, once each.
type Command struct {
	// Options are added to those that the flags mean.
	Options []tcretry.Option
	// AdminPages are handlers by path for the admin address.
	AdminPages map[string]http.Handler
	// Started, if it is not nil, is called with the Transport before the first call.
	// Its error ends the command.
	Started func(*tcretry.Transport) error

	config         proxy.Config
	policyFile     string
	attemptTimeout time.Duration
	level          slog.Level
}

// hostList is a flag that may be given more than once.
type hostList []string

func (l *hostList) String() string { return fmt.Sprint([]string(*l)) }

func (l *hostList) Set(text string) error {
	*l = append(*l, text)
	return nil
}

// Define defines the flags of the command.
func (c *Command) Define(flags *flag.FlagSet) {
	flags.StringVar(&c.config.Listen, "listen", proxy.DefaultListen,
		"`address` for clients: a loopback address with a port, or unix:/path; default "+proxy.DefaultListen)
	flags.StringVar(&c.config.Admin, "admin", proxy.DefaultAdmin,
		"`address` of /healthz and /state, \"\" for none; default "+proxy.DefaultAdmin)
	flags.BoolVar(&c.config.DangerouslyListenBeyondLoopback, "dangerously-listen-beyond-loopback", false,
		"permit addresses that other machines reach: requests travel there unencrypted")
	flags.Var((*hostList)(&c.config.AllowHosts), "allow-host",
		"a `host` to forward to besides those of the API: name, name:port or *.domain; may be given more than once")
	flags.StringVar(&c.policyFile, "policy", "", "a `file` with a policy in JSON, read again at SIGHUP")
	flags.DurationVar(&c.attemptTimeout, "attempt-timeout", 0, "limit each attempt to a `duration`; default none")
	flags.Int64Var(&c.config.MaxBodyBytes, "max-body-bytes", 0, "limit of a request's body; default 10 MiB, the API's own")
	flags.IntVar(&c.config.MaxHeaderBytes, "max-header-bytes", 0, "limit of a request's header; default 64 KiB")
	flags.Int64Var(&c.config.MaxBufferedBytes, "max-buffered-bytes", 0, "limit of all bodies together; default 256 MiB")
	flags.IntVar(&c.config.MaxCalls, "max-calls", 0, "limit of calls in progress, those that wait included; default 1000")
	flags.DurationVar(&c.config.ClientTimeout, "client-timeout", 0,
		"`duration` in which a client sends a header or a body, or receives a part of a response; default 30s")
	flags.DurationVar(&c.config.IdleTimeout, "idle-timeout", 0, "`duration` for which a connection may be idle; default 1m30s")
	flags.DurationVar(&c.config.DrainTimeout, "drain-timeout", 0, "`duration` for which calls may go on after SIGTERM; default 25s")
	flags.TextVar(&c.level, "log-level", slog.LevelInfo, "`level` of the log: debug, info, warn or error; default info")
}

// flagOf are the flags by the fields of the Config.
var flagOf = map[string]string{
	"Listen": "-listen", "Admin": "-admin", "AllowHosts": "-allow-host",
	"MaxBodyBytes": "-max-body-bytes", "MaxHeaderBytes": "-max-header-bytes", "MaxBufferedBytes": "-max-buffered-bytes",
	"MaxCalls": "-max-calls", "ClientTimeout": "-client-timeout", "IdleTimeout": "-idle-timeout", "DrainTimeout": "-drain-timeout",
	"DangerouslyListenBeyondLoopback": "-dangerously-listen-beyond-loopback",
}
