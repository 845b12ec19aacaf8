package main

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"

	"github.com/tcretry/tcretry/tctest"
)

const (
	burst   = 50 // concurrent calls
	limit   = 10 // requests per second, counted in windows of a full second
	failing = 9  // one in so many accepted requests fails with an InternalError
	retries = 3  // of the SDK, which waits 1, 2 and 4 s before them

	start = 100 * time.Millisecond // of the burst, on the axis
)

// newAPI returns an API that responds after 20 to 80 ms.
func newAPI() *tctest.API {
	api := tctest.NewAPI()
	api.RateLimit("DescribeZones", limit, tctest.FixedWindow)
	api.Latency(func() time.Duration { return 20*time.Millisecond + rand.N(60*time.Millisecond) })
	var taken atomic.Int64
	api.Default(tctest.Func(func(tctest.Attempt) tctest.Reply {
		if taken.Add(1)%failing == 0 {
			return tctest.Fail("InternalError", "An internal error has occurred.")
		}
		return tctest.OK(map[string]any{"TotalCount": 7})
	}))
	return api
}

// sdkClient makes the official SDK's client, as a program would.
func sdkClient(transport http.RoundTripper, retries int) (*cvm.Client, error) {
	p := profile.NewClientProfile()
	p.RateLimitExceededMaxRetries = retries
	p.HttpProfile.Scheme = "http" // only because the API is embedded
	client, err := cvm.NewClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", p)
	if err != nil {
		return nil, err
	}
	client.WithHttpTransport(transport)
	return client, nil
}

// reach makes a transport to an API, and what to call when it is done with.
type reach func(*tctest.API) (base http.RoundTripper, end func(), err error)

// play makes the calls of all sides at the same time, each side on its own API.
func play(sides []*side, reach reach) error {
	clients := make([]*cvm.Client, len(sides))
	for i, s := range sides {
		base, end, err := reach(s.api)
		if err != nil {
			return err
		}
		defer end()
		if clients[i], err = sdkClient(s.wrap(base), s.retries); err != nil {
			return err
		}
	}
	// The axis begins with a window of the rate limit, the burst a moment later.
	zero := time.Now().Truncate(time.Second).Add(time.Second)
	var all sync.WaitGroup
	for i, s := range sides {
		s.zero = zero
		for n := range burst {
			all.Go(func() {
				time.Sleep(time.Until(zero.Add(start)))
				_, err := clients[i].DescribeZonesWithContext(withNumber(n), cvm.NewDescribeZonesRequest())
				s.callDone(n, err)
			})
		}
	}
	all.Wait()
	return nil
}
