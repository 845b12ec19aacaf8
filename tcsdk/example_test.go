package tcsdk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tcsdk"
	"github.com/tcretry/tcretry/tctest"
)

func ExampleTransport_Use_officialSDK() {
	transport := tcsdk.New() // one for the program

	client := common.NewCommonClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", profile.NewClientProfile())
	api := tctest.NewAPI(tctest.Fail("InternalError", ""), tctest.OK(nil))
	client.WithHttpTransport(api) // only here: in place of the real API
	if err := transport.Use(client); err != nil {
		fmt.Println(err)
		return
	}
	err := client.Send(tchttp.NewCommonRequest("cvm", "2017-03-12", "DescribeZones"), tchttp.NewCommonResponse())
	fmt.Println(err, api.Attempts("DescribeZones"))
	// Output: <nil> 2
}

// The SDK's own retries would multiply those of the Transport.
func ExampleTransport_Use_incorrect() {
	p := profile.NewClientProfile()
	p.NetworkFailureMaxRetries = 3
	client := common.NewCommonClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", p)
	fmt.Println(tcsdk.New().Use(client))
	// Output: tcretry: tcsdk: client 1: NetworkFailureMaxRetries(3): it multiplies the retries of tcretry: set 0
}

func ExampleRecover() {
	client := common.NewCommonClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", profile.NewClientProfile())
	client.WithHttpTransport(tctest.NewAPI(tctest.DropAfterExecution()))
	if err := tcsdk.New().Use(client); err != nil {
		fmt.Println(err)
		return
	}
	ctx := tcsdk.Trace(context.Background())
	request := tchttp.NewCommonRequest("cvm", "2017-03-12", "RunInstances")
	request.SetContext(ctx) // or client.RunInstancesWithContext(ctx, request)
	err := tcsdk.Recover(ctx, client.Send(request, tchttp.NewCommonResponse()))

	var call *tcsdk.CallError
	if errors.As(err, &call) {
		fmt.Println(call.Attempts, call.Reason, errors.Is(err, tcretry.ErrOutcomeUnknown))
	}
	// Output: 1 not_idempotent true
}

// A client without the SDK, with the credentials of the virtual machine's role: each
// attempt gets a new signature.
func ExampleSource() {
	source := tcsdk.Source(common.DefaultCvmRoleProvider())
	client := &http.Client{Transport: tcretry.New(&tc3.Transport{Source: source})}
	_ = client
}
