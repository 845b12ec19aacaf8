// Command quickstart shows what tcretry does, attempt by attempt: the official
// SDK and a plain http.Client call an embedded API that throttles, fails and
// loses connections, without tcretry and with it. It needs no account.
//
//	go run ./examples/quickstart
package main

import (
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tctest"
)

// scenario is one call and the replies of the API to its attempts, in order.
type scenario struct {
	title, action string
	call          func(server string, transport http.RoundTripper) (string, error)
	replies       []tctest.Reply
}

var scenarios = []scenario{
	{
		"the official SDK lists zones, and the API throttles twice", "DescribeZones", describeZones,
		[]tctest.Reply{tctest.Throttle(), tctest.Throttle(), tctest.OK(map[string]any{"TotalCount": 7})},
	},
	{
		"the official SDK buys a server, and the API has a transient error", "RunInstances", runInstances,
		[]tctest.Reply{
			tctest.Fail("InternalError", "An internal error has occurred."),
			tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}}),
		},
	},
	{
		"the official SDK requests an image that does not exist", "RunInstances", runInstances,
		[]tctest.Reply{tctest.Fail("InvalidImageId.NotFound", "The image does not exist.")},
	},
	{
		"an http.Client starts a server, and the API throttles", "StartInstances", startInstances,
		[]tctest.Reply{tctest.Throttle(), tctest.OK(nil)},
	},
	{
		"an http.Client starts a server, and the response is lost", "StartInstances", startInstances,
		[]tctest.Reply{tctest.DropAfterExecution()},
	},
}

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("quickstart", source), func() error { return run(os.Stdout, colored(os.Stdout)) })
}

// run plays every scenario twice, each time on an API of its own.
func run(w io.Writer, color bool) error {
	for i, s := range scenarios {
		if i > 0 {
			fmt.Fprintln(w)
		}
		out := &page{w: w, color: color}
		out.title(s.title)
		base := sdkBase(profile.NewClientProfile())
		if err := s.play(out, "without tcretry", base); err != nil {
			return err
		}
		// This is all that a program has to change.
		if err := s.play(out, "with tcretry", tcretry.New(base, tcretry.WithHooks(out.hooks()))); err != nil {
			return err
		}
	}
	return nil
}

// play makes the call of a scenario over a transport and shows what the caller
// gets.
func (s scenario) play(out *page, how string, transport http.RoundTripper) error {
	api := tctest.NewAPI()
	api.Script(s.action, s.replies...)
	server, err := api.Serve()
	if err != nil {
		return err
	}
	defer server.Close()
	out.start(how)
	result, err := s.call(server.URL, transport)
	out.result(result, err, api.Executions(s.action))
	return nil
}
