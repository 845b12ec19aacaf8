// Command tcretry-proxy is tcretry proxy with metrics for Prometheus: its admin address
// has the page /metrics as well. It takes the same flags.
//
//	go run ./tcprom/cmd/tcretry-proxy
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy/proxycmd"
	"github.com/tcretry/tcretry/tcprom"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	command, err := newCommand()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return proxycmd.ExitFailed
	}
	flags := flag.NewFlagSet("tcretry-proxy", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	command.Define(flags)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: tcretry-proxy [flags]\n\nIt is tcretry proxy, and has /metrics at the admin address. %s\n\n", proxycmd.Help)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return proxycmd.ExitOK
	case err != nil:
		fmt.Fprintf(stderr, "tcretry-proxy: %v; see tcretry-proxy -h\n", err)
		return proxycmd.ExitUsage
	}
	return command.Run(flags.Args(), stderr)
}

// newCommand is the command of the proxy, and its metrics.
func newCommand() (*proxycmd.Command, error) {
	metrics, err := tcprom.NewCollector(tcprom.Options{})
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &proxycmd.Command{
		Options:    []tcretry.Option{tcretry.WithHooks(metrics.Hooks())},
		AdminPages: map[string]http.Handler{"/metrics": promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})},
		Started:    func(t *tcretry.Transport) error { return metrics.Watch("proxy", t) },
	}, nil
}
