package tctest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// post sends one attempt, as a client without an SDK would.
func post(base http.RoundTripper, action, body string) string {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", "2017-03-12")
	resp, err := base.RoundTrip(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Sprintf("%s, then %v", text, err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, text)
}

// The nth attempt of an action gets the nth reply of its script.
func Example() {
	api := tctest.NewAPI()
	api.Script("RunInstances",
		tctest.Fail("InternalError", "transient"),
		tctest.DropAfterExecution(),
		tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}}))

	for range 3 {
		fmt.Println(post(api, "RunInstances", `{"ClientToken":"t"}`))
	}
	fmt.Println(api.Attempts("RunInstances"), "attempts,", api.Executions("RunInstances"), "execution")
	// Output:
	// 200 {"Response":{"Error":{"Code":"InternalError","Message":"transient"},"RequestId":"00000000-0000-4000-8000-000000000001"}}
	// EOF
	// 200 {"Response":{"InstanceIdSet":["ins-1"],"RequestId":"00000000-0000-4000-8000-000000000003"}}
	// 3 attempts, 1 execution
}

// Without a ClientToken, a lost response hides an execution.
func ExampleDropAfterExecution() {
	api := tctest.NewAPI(tctest.DropAfterExecution())
	fmt.Println(post(api, "RunInstances", `{}`))
	fmt.Println(post(api, "RunInstances", `{}`))
	fmt.Println(api.Executions("RunInstances"), "executions")
	// Output:
	// EOF
	// 200 {"Response":{"RequestId":"00000000-0000-4000-8000-000000000002"}}
	// 2 executions
}

func ExampleAPI_Recorded() {
	api := tctest.NewAPI(tctest.Throttle(), tctest.AfterExecution(tctest.GatewayError(http.StatusBadGateway)))
	for range 3 {
		post(api, "RunInstances", `{}`)
	}
	for _, c := range api.Recorded() {
		fmt.Println(c.Number, c.Service, c.Action, c.Reply, c.Status, c.Code, c.Executed)
	}
	// Output:
	// 1 cvm RunInstances Throttle 200 RequestLimitExceeded false
	// 2 cvm RunInstances GatewayError 502  true
	// 3 cvm RunInstances OK 200  true
}

func ExampleAPI_RateLimit() {
	api := tctest.NewAPI()
	api.RateLimit("DescribeInstances", 1, tctest.TokenBucket)
	for range 2 {
		fmt.Println(post(api, "DescribeInstances", `{}`))
	}
	// Output:
	// 200 {"Response":{"RequestId":"00000000-0000-4000-8000-000000000001"}}
	// 200 {"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"Your current request times equals to `2` in a second, which exceeds the frequency limit `1` for a second. Please reduce the frequency of calls."},"RequestId":"00000000-0000-4000-8000-000000000002"}}
}

func ExampleAPI_KnownActions() {
	api := tctest.NewAPI()
	api.KnownActions("DescribeInstances")
	fmt.Println(post(api, "DescribeInstance", `{}`))
	// Output:
	// 200 {"Response":{"Error":{"Code":"InvalidAction","Message":"The action `DescribeInstance` is not valid or not found."},"RequestId":"00000000-0000-4000-8000-000000000001"}}
}

// A program other than a test serves the API itself.
func ExampleAPI_Serve() {
	api := tctest.NewAPI(tctest.Status(http.StatusServiceUnavailable, "later"))
	server, err := api.Serve()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	resp, err := http.Get(server.URL + "/?Action=DescribeZones&Version=2017-03-12")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status, api.Recorded()[0].Action)
	// Output: 503 Service Unavailable DescribeZones
}

// A Func replies by what the attempt holds.
func ExampleFunc() {
	api := tctest.NewAPI()
	api.Default(tctest.Func(func(c tctest.Attempt) tctest.Reply {
		if strings.HasPrefix(c.Action, "Describe") {
			return tctest.OK(map[string]int{"TotalCount": c.Number})
		}
		return tctest.Fail("UnauthorizedOperation", c.Action)
	}))
	fmt.Println(post(api, "DescribeZones", `{}`))
	fmt.Println(post(api, "RunInstances", `{}`))
	// Output:
	// 200 {"Response":{"TotalCount":1,"RequestId":"00000000-0000-4000-8000-000000000001"}}
	// 200 {"Response":{"Error":{"Code":"UnauthorizedOperation","Message":"RunInstances"},"RequestId":"00000000-0000-4000-8000-000000000002"}}
}

// Replies are made of replies.
func ExampleTruncate() {
	api := tctest.NewAPI(
		tctest.Truncate(14, tctest.OK(nil)),
		tctest.Delay(time.Millisecond, tctest.Header("Retry-After", "1", tctest.GatewayError(http.StatusServiceUnavailable))))
	fmt.Println(post(api, "DescribeZones", `{}`))
	// Output: {"Response":{", then unexpected EOF
}
