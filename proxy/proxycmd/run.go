package proxycmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy"
)

// Run runs the proxy until SIGTERM or SIGINT, and returns the exit code. args are what
// follows the flags: there may be nothing. The log goes to stderr, and what others write
// to the standard logger of package log nowhere: net/http has bytes of responses there.
func (c *Command) Run(args []string, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintf(stderr, "tcretry: proxy: unknown argument %q: it takes flags only\n", args[0])
		return ExitUsage
	}
	log.SetOutput(io.Discard)
	logger := newLogger(stderr, c.level)
	p, err := c.proxy(logger)
	if err != nil {
		report(stderr, err)
		return ExitUsage
	}
	if c.policyFile != "" {
		if err := c.reload(p.Transport(), logger); err != nil {
			report(stderr, err)
			return ExitFailed
		}
	}
	if c.Started != nil {
		err = c.Started(p.Transport())
	}
	if err == nil {
		err = p.Listen()
	}
	if err == nil {
		err = c.serve(p, logger)
	}
	if err != nil {
		report(stderr, err)
		return ExitFailed
	}
	logger.Info("tcretry: proxy stopped")
	return ExitOK
}

// proxy makes the proxy that the flags mean.
func (c *Command) proxy(logger *slog.Logger) (*proxy.Proxy, error) {
	config := c.config
	config.Logger, config.AdminPages = logger, c.AdminPages
	config.Options = append(config.Options, tcretry.WithHooks(tcretry.LogHooks(logger)))
	config.Options = append(config.Options, c.Options...)
	var wrong error
	if c.attemptTimeout < 0 {
		wrong = fmt.Errorf(`tcretry: proxy: -attempt-timeout(%v): it is negative: want a duration above 0 such as "10s", or 0 for none`, c.attemptTimeout)
	} else if c.attemptTimeout > 0 {
		config.Options = append(config.Options, tcretry.WithAttemptTimeout(c.attemptTimeout))
	}
	p, err := proxy.New(config)
	return p, errors.Join(err, wrong)
}

// serve serves until a signal ends it; a second one ends the process immediately.
func (c *Command) serve(p *proxy.Proxy, logger *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	logger.Info("tcretry: proxy started", slog.Any("listen", p.Addr()), slog.Any("admin", p.AdminAddr()))
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(ctx) }()
	done := ctx.Done()
	for {
		select {
		case err := <-ended:
			return err
		case <-hangup:
			_ = c.reload(p.Transport(), logger) // it is in the log
		case <-done:
			stop()
			done = nil
			logger.Info("tcretry: proxy draining", slog.Int64("calls", p.State().Calls.InProgress))
		}
	}
}

// reload sets the policy of the Transport to that of the file. Calls in progress keep
// theirs, and a file that cannot be read or is not valid changes nothing.
func (c *Command) reload(transport *tcretry.Transport, logger *slog.Logger) error {
	if c.policyFile == "" {
		logger.Warn("tcretry: SIGHUP without -policy: there is no file to read")
		return nil
	}
	policy, err := readPolicy(c.policyFile)
	if err == nil {
		err = transport.SetPolicy(policy)
	}
	if err != nil {
		logger.Error("tcretry: policy not read, the one before stays in force", slog.String("file", c.policyFile), slog.String("error", err.Error()))
		return err
	}
	for _, warning := range policy.Lint() {
		logger.Warn("tcretry: policy", slog.String("file", c.policyFile), slog.String("warning", warning.InJSON().String()))
	}
	logger.Info("tcretry: policy read", slog.String("file", c.policyFile), slog.Int("rules", len(policy.Codes)))
	return nil
}

func readPolicy(file string) (tcretry.Policy, error) {
	f, err := os.Open(file)
	if err != nil {
		return tcretry.Policy{}, fmt.Errorf("tcretry: proxy: -policy: %w", err)
	}
	defer f.Close()
	policy, err := tcretry.ParsePolicy(f)
	if err != nil {
		return policy, fmt.Errorf("tcretry: proxy: -policy %s: %w", file, err)
	}
	return policy, nil
}

// report writes an error, a line for each of those it joins, with the flags in the
// place of the fields.
func report(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		for field, name := range flagOf {
			line = strings.ReplaceAll(line, "tcretry: proxy: "+field+"(", "tcretry: proxy: "+name+"(")
			line = strings.ReplaceAll(line, "tcretry: proxy: "+field+":", "tcretry: proxy: "+name+":")
		}
		line = strings.ReplaceAll(line, "DangerouslyListenBeyondLoopback", flagOf["DangerouslyListenBeyondLoopback"])
		line = strings.ReplaceAll(line, "within DrainTimeout", "within "+flagOf["DrainTimeout"])
		fmt.Fprintln(w, line)
	}
}
