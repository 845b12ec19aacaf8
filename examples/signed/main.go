// Command signed calls an action of Tencent Cloud API 3.0 by its name, with
// parameters from the command line and without an SDK: tcretry retries, tc3
// signs each attempt.
//
//	go run ./examples/signed -action DescribeZones
//	go run ./examples/signed -action DescribeInstances -param Limit=1 -param 'InstanceIds=["ins-1"]'
//	go run ./examples/signed -action RunInstances -json '{"ImageId":"img-1"}'
//
// It calls an API inside of this program, which checks signatures, fails once
// and has a clock ten minutes ahead. With -real it calls the real one, with the
// key in TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY: what the action
// does is done then.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"

	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tc3"
)

//go:embed main.go
var source string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with what it needs as parameters. It returns the exit code: 0 for
// a response, 1 for a call that failed, 2 for a command line that is not right.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := new(options)
	flags := o.flags()
	err := command.Parse(flags, args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	req, wrong := o.request(ctx)
	switch wrong = errors.Join(err, wrong); {
	case err != nil:
		command.Fail(flags, stderr, wrong)
		return 2
	case wrong != nil:
		fmt.Fprintln(stderr, wrong)
		return 2
	}
	call := callReal
	if !o.real {
		call = callEmbedded
	}
	if err := call(&page{stdout}, req); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// callReal sends the request to the real API.
func callReal(out *page, req *http.Request) error {
	creds, err := tc3.Env().Credentials(req.Context())
	if err != nil {
		return fmt.Errorf("-real needs a key: %w", err)
	}
	out.line("to", "%s, the real API", req.URL.Host)
	return out.call(req, creds, http.DefaultTransport)
}
