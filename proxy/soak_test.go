package proxy_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tcretry/tcretry/proxy"
	"github.com/tcretry/tcretry/tctest"
)

var soak = flag.Duration("soak", time.Second, "how long TestSoak takes")

// weather is an API that throttles, fails and loses connections, and executes in the
// end.
func weather(seed uint64) *tctest.API {
	api := newAPI()
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 0)) // guarded by mu
	api.Default(tctest.Func(func(tctest.Attempt) tctest.Reply {
		mu.Lock()
		defer mu.Unlock()
		switch rng.IntN(20) {
		case 0:
			return tctest.Throttle()
		case 1:
			return tctest.Fail("InternalError", "An internal error has occurred.")
		case 2:
			return tctest.DropBeforeExecution()
		case 3:
			return tctest.DropAfterExecution()
		case 4:
			return tctest.Stream(time.Millisecond, "{}", "{}")
		case 5:
			return tctest.Delay(time.Duration(rng.IntN(20))*time.Millisecond, tctest.OK(nil))
		case 6:
			return tctest.RawBody("application/octet-stream", make([]byte, 200<<10))
		}
		return tctest.OK(nil)
	}))
	return api
}

// Clients of both kinds call, and a few of them leave: no order is executed twice, each
// client that stays gets a response, and nothing is left in the end.
func TestSoak(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("clients", func(t *testing.T) {
		seed := rand.Uint64()
		t.Log("seed", seed)
		api := weather(seed)
		r := serve(t, overTLS(t, api), proxy.Config{Admin: "127.0.0.1:0"})
		var clients sync.WaitGroup
		stop := time.Now().Add(*soak)
		for i := range 20 {
			client := r.client()
			if i%2 == 0 {
				client, _ = r.tunneled()
			}
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			clients.Go(func() {
				for n := 0; time.Now().Before(stop); n++ {
					r.order(client, "RunInstances"+strconv.Itoa(i)+"_"+strconv.Itoa(n), rng.IntN(10) == 0)
				}
			})
		}
		clients.Wait()
		r.nothingLeft()
		for _, attempt := range api.Recorded() {
			require.LessOrEqual(t, api.Executions(attempt.Action), 1, attempt.Action)
		}
		require.GreaterOrEqual(t, r.State().Calls.Total, int64(20))
		require.Zero(t, r.State().Calls.Overloaded)
	})
}

// order makes a call; one that leaves does so once the request was written.
func (r *running) order(client *http.Client, action string, leaves bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if leaves {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
			runtime.Gosched()
			cancel()
		}})
	}
	resp, err := client.Do(request(r.t, action).WithContext(ctx))
	if err != nil {
		if !leaves || !errors.Is(err, context.Canceled) {
			r.t.Errorf("%s: %v", action, err)
		}
		return
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil && !leaves {
		r.t.Errorf("%s: %v", action, err)
	}
	if resp.StatusCode != 200 && resp.StatusCode != 502 {
		r.t.Errorf("%s: %s", action, resp.Status)
	}
}
