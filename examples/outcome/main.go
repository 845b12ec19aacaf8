// Command outcome buys a server through the official SDK from an embedded API that
// cannot be reached, whose response is lost, or whose gateway fails. The SDK reduces
// each of these to a text. A trace of the call reports whether the request may
// have been executed, and so whether it can be retried safely. It needs no account.
//
//	go run ./examples/outcome
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("outcome", source), func() error { return run(os.Stdout) })
}

// cases are the replies to each attempt.
var cases = []struct {
	title string
	reply tctest.Reply
}{
	{"the request is executed", tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}})},
	{"the request is rejected", tctest.Fail("ResourceInsufficient", "The instance type is sold out.")},
	{"the connection is refused", tctest.RefuseConnection()},
	{"the request is executed, and the response is lost", tctest.DropAfterExecution()},
	{"a gateway returns 502, and the request may have been executed or not", tctest.GatewayError(http.StatusBadGateway)},
}

func run(w io.Writer) error {
	for _, c := range cases {
		api := tctest.NewAPI()
		api.Default(c.reply)
		client, err := cvm.NewClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", profile.NewClientProfile())
		if err != nil {
			return err
		}
		// For all calls of a program, such as a metric or an alert.
		hooks := tcretry.Hooks{CallDone: func(_ context.Context, i tcretry.CallInfo) {
			fmt.Fprintf(w, "  hook            stop_reason=%s outcome_unknown=%t\n", i.Reason, i.OutcomeUnknown)
		}}
		client.WithHttpTransport(tcretry.New(api, tcretry.WithHooks(hooks)))
		fmt.Fprintln(w, c.title)

		// For a single call.
		ctx, trace := tcretry.Trace(context.Background())
		_, err = client.RunInstancesWithContext(ctx, cvm.NewRunInstancesRequest())

		text, _, _ := strings.Cut(fmt.Sprint(err), "\n")
		fmt.Fprintf(w, "  SDK error       %s\n", text)
		fmt.Fprintf(w, "  trace           %s\n  executions      %d\n\n", advice(trace), api.Executions("RunInstances"))
	}
	return nil
}

// advice returns what to do after the last call of a trace.
func advice(trace *tcretry.CallTrace) string {
	calls := trace.Calls()
	switch call := calls[len(calls)-1].Call; {
	case call.Reason == tcretry.StopSuccess:
		return "executed"
	case call.OutcomeUnknown:
		return "outcome unknown: check whether there is a server before a retry"
	default:
		return "not executed: safe to retry"
	}
}
