// Command metrics serves /metrics while it calls an embedded API that throttles
// and fails, so that there is something to see in Prometheus and on the dashboard
// of tcprom. It needs no account. Ctrl-C ends it.
//
//	go run ./examples/metrics            for five seconds
//	go run ./examples/metrics -for 0     until Ctrl-C
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tcprom"
)

//go:embed main.go
var source string

func main() {
	flags := command.Flags("metrics", source)
	address := flags.String("listen", "localhost:0", "`address` that serves /metrics; port 0 is any free one")
	limit := flags.Duration("for", 5*time.Second, "how long to call; 0 is until Ctrl-C")
	command.Main(flags, func() error {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if *limit > 0 {
			// Not a deadline: calls would give up before it that cannot end in time.
			time.AfterFunc(*limit, stop)
		}
		return run(ctx, os.Stdout, *address)
	})
}

// run serves the metrics and calls the API until ctx ends, then shows some of
// what a Prometheus would have got last.
func run(ctx context.Context, w io.Writer, address string) error {
	metrics, err := tcprom.NewCollector(tcprom.Options{})
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	if err := registry.Register(metrics); err != nil {
		return err
	}
	transport := tcretry.New(newAPI(), tcretry.WithHooks(metrics.Hooks()))
	if err := metrics.Watch("default", transport); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	url := "http://" + listener.Addr().String() + "/metrics"
	fmt.Fprintln(w, "metrics:", url)
	load(ctx, &http.Client{Transport: transport})
	return show(w, url)
}
