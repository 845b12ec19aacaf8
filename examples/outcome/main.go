// Command outcome buys a server through the official SDK from an embedded API that
// cannot be reached, whose response is lost, or whose gateway fails. The SDK reduces
// each of these to a text. A trace of the call says whether the request may
// have been executed, and so whether it may be made again. It needs no account.
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

// cases are what becomes of each attempt.
var cases = []struct {
	title  string
	answer tctest.Reply
}{
	{"the API takes the order", tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}})},
	{"the API rejects the order", tctest.Fail("ResourceInsufficient", "The instance type is sold out.")},
	{"nobody listens", tctest.RefuseConnection()},
	{"the API takes the order, and its response is lost", tctest.DropAfterExecution()},
	{"the gateway says 502, with or without an order taken", tctest.GatewayError(http.StatusBadGateway)},
}

func run(w io.Writer) error {
	for _, c := range cases {
		api := tctest.NewAPI()
		api.Default(c.answer)
		client, err := cvm.NewClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", profile.NewClientProfile())
		if err != nil {
			return err
		}
		// For all calls of a program, such as a metric or an alert.
		hooks := tcretry.Hooks{CallDone: func(_ context.Context, i tcretry.CallInfo) {
			fmt.Fprintf(w, "  the hook gets   stop_reason=%s outcome_unknown=%t\n", i.Reason, i.OutcomeUnknown)
		}}
		client.WithHttpTransport(tcretry.New(api, tcretry.WithHooks(hooks)))
		fmt.Fprintln(w, c.title)

		// For the call at hand.
		ctx, trace := tcretry.Trace(context.Background())
		_, err = client.RunInstancesWithContext(ctx, cvm.NewRunInstancesRequest())

		text, _, _ := strings.Cut(fmt.Sprint(err), "\n")
		fmt.Fprintf(w, "  the SDK says    %s\n", text)
		fmt.Fprintf(w, "  the trace says  %s\n  in fact         %d executed\n\n", advice(trace), api.Executions("RunInstances"))
	}
	return nil
}

// advice is what to do about the last call of a trace.
func advice(trace *tcretry.CallTrace) string {
	calls := trace.Calls()
	switch call := calls[len(calls)-1].Call; {
	case call.Reason == tcretry.StopSuccess:
		return "executed"
	case call.OutcomeUnknown:
		return "outcome unknown: look whether there is a server before you order again"
	default:
		return "not executed: it is safe to order again"
	}
}
