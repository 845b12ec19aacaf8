package ratelimit_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

// describe makes one call.
func describe(client *http.Client) error {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("X-TC-Action", "DescribeInstances")
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// The rate limit is learned from the first throttling response; nothing is configured.
func ExampleAdaptive() {
	api := tctest.NewAPI(tctest.Throttle(tctest.WithCounts(21, 20)), tctest.OK(nil))
	limiter := new(ratelimit.Adaptive)
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithRateLimiter(limiter))}

	err := describe(client)
	fmt.Println(err, "after", api.Attempts("DescribeInstances"), "attempts")
	for _, state := range limiter.States() {
		fmt.Println(state.Action, "limit", state.Limit, "per second")
	}
	// Output:
	// <nil> after 2 attempts
	// DescribeInstances limit 20 per second
}

// A documented rate limit is set before the first call, so that no throttling response is
// needed to learn it.
func ExampleAdaptive_SetLimits() {
	limiter := new(ratelimit.Adaptive)
	limiter.SetLimits(func(key ratelimit.Key) int {
		if key.Action == "DescribeInstances" {
			return 20 // per second
		}
		return 0 // learned
	})
	client := &http.Client{Transport: tcretry.New(tctest.NewAPI(), tcretry.WithRateLimiter(limiter))}

	err := describe(client)
	fmt.Println(err)
	for _, state := range limiter.States() {
		fmt.Println(state.Action, "limit", state.Limit, "per second, configured")
	}
	// Output:
	// <nil>
	// DescribeInstances limit 20 per second, configured
}
