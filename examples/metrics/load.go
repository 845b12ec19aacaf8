package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// newAPI returns an API with a rate limit of 20 calls per second and action. Each tenth
// call fails: transient, busy or terminal.
func newAPI() *tctest.API {
	api := tctest.NewAPI()
	api.RateLimit("", 20, tctest.SlidingWindow)
	api.Latency(func() time.Duration { return 50 * time.Millisecond })
	failures := []tctest.Reply{
		tctest.Fail("InternalError", "An internal error has occurred."),
		tctest.Fail("ResourceInUse", "The resource is in use."),
		tctest.Fail("InvalidParameter", "A parameter is not valid."),
	}
	var n atomic.Int64
	api.Default(tctest.Func(func(tctest.Attempt) tctest.Reply {
		if i := n.Add(1); i%10 == 0 {
			return failures[i/10%int64(len(failures))]
		}
		return tctest.OK(nil)
	}))
	return api
}

// load calls two actions without a pause until ctx ends, one of them from more workers
// than its rate limit can serve.
func load(ctx context.Context, client *http.Client) {
	var workers sync.WaitGroup
	for action, n := range map[string]int{"DescribeInstances": 8, "RunInstances": 1} {
		for range n {
			workers.Go(func() {
				for ctx.Err() == nil {
					call(ctx, client, action)
				}
			})
		}
	}
	workers.Wait()
}

// call makes one call. Its result is in the metrics.
func call(ctx context.Context, client *http.Client, action string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader("{}"))
	if err != nil {
		return
	}
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Region", "ap-guangzhou")
	resp, err := client.Do(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
