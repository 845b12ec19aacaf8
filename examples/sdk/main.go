// Command sdk puts one Transport under two clients of the official SDK and calls an
// embedded API: it rejects a profile whose own retries are on, retries transient
// errors, and returns what the SDK's errors leave out. It needs no account.
//
//	go run ./examples/sdk
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/tcsdk"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("sdk", source), func() error { return run(os.Stdout) })
}

func run(w io.Writer) error {
	api := tctest.NewAPI()
	api.Script("DescribeZones", tctest.Fail("InternalError", "An internal error has occurred."), tctest.OK(map[string]any{"TotalCount": 7}))
	api.Script("RunInstances", tctest.DropAfterExecution())
	server, err := api.Serve()
	if err != nil {
		return err
	}
	defer server.Close()

	p := profile.NewClientProfile()
	// Only because the API of this program is not the real one.
	p.HttpProfile.Scheme, p.HttpProfile.Endpoint, _ = strings.Cut(server.URL, "://")
	p.NetworkFailureMaxRetries = 3
	credential := common.NewCredential("an-id", "a-key")
	client, err := cvm.NewClient(credential, "ap-guangzhou", p)
	if err != nil {
		return err
	}
	other := common.NewCommonClient(credential, "ap-guangzhou", p)

	transport := tcsdk.New() // one for the program
	fmt.Fprintf(w, "the SDK's own retries are on:\n%v\n\n", transport.Use(client, other))
	p.NetworkFailureMaxRetries = 0
	if err := transport.Use(client, other); err != nil {
		return err
	}

	response := tchttp.NewCommonResponse()
	if err := other.Send(tchttp.NewCommonRequest("cvm", "2017-03-12", "DescribeZones"), response); err != nil {
		return err
	}
	fmt.Fprintf(w, "the API fails once: success after %d attempts\n\n", api.Attempts("DescribeZones"))

	ctx := tcsdk.Trace(context.Background())
	_, err = client.RunInstancesWithContext(ctx, cvm.NewRunInstancesRequest())
	err = tcsdk.Recover(ctx, err)
	var call *tcsdk.CallError
	if !errors.As(err, &call) {
		return fmt.Errorf("the response of RunInstances was not lost: %w", err)
	}
	fmt.Fprintf(w, "the response of RunInstances is lost: attempts=%d stop_reason=%s outcome_unknown=%t\n",
		call.Attempts, call.Reason, errors.Is(err, tcretry.ErrOutcomeUnknown))
	return nil
}
