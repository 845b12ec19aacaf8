package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tcretry/tcretry"
)

// reloadAtHangup reloads the policy of the Transport from the file at every SIGHUP
// until the context ends. The results are sent to the returned channel; a server writes
// them to its log.
func reloadAtHangup(ctx context.Context, transport *tcretry.Transport, file string) <-chan string {
	hangup, reloaded := make(chan os.Signal, 1), make(chan string)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
			}
			select {
			case <-ctx.Done():
			case reloaded <- reload(transport, file):
			}
		}
	}()
	return reloaded
}

// reload sets the policy of the Transport to the one in the file, and returns the
// result as text. Calls in progress keep their policy. A file that cannot be read or is
// invalid changes nothing.
func reload(transport *tcretry.Transport, file string) string {
	policy, err := read(file)
	if err == nil {
		err = transport.SetPolicy(policy)
	}
	if err != nil {
		return "policy not reloaded, the current one stays in force:\n" + err.Error()
	}
	result := "policy reloaded"
	for _, warning := range policy.Lint() {
		result += fmt.Sprintf("\nwarning: %s", warning.InJSON())
	}
	return result
}

// read reads a policy from a file.
func read(file string) (tcretry.Policy, error) {
	f, err := os.Open(file)
	if err != nil {
		return tcretry.Policy{}, err
	}
	defer f.Close()
	return tcretry.ParsePolicy(f)
}
