// Command limits is a job of 100 calls that runs four times against an embedded API with
// a limit of 40 requests per second. The first run learns the limit from throttling
// responses and saves it; the second loads it; the third has it from a policy instead;
// the fourth has a wrong one, which the API corrects. It needs no account, and takes
// about 10 seconds.
//
//	go run ./examples/limits
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/examples/internal/command"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tctest"
)

//go:embed main.go
var source string

func main() {
	command.Main(command.Flags("limits", source), func() error { return run(os.Stdout) })
}

func run(w io.Writer) error {
	var state bytes.Buffer // a file, in a real program
	var learned, loaded ratelimit.Adaptive
	if err := job(w, "nothing known", &learned, tcretry.Policy{}); err != nil {
		return err
	}
	if err := learned.Save(&state); err != nil {
		return err
	}
	if err := loaded.Load(&state); err != nil {
		return err // or log it: the limiter works without the file
	}
	if err := job(w, "loaded", &loaded, tcretry.Policy{}); err != nil {
		return err
	}
	documented := tcretry.Policy{Limits: map[string]int{"cvm.DescribeInstances": 40}}
	if err := job(w, "in the policy", new(ratelimit.Adaptive), documented); err != nil {
		return err
	}
	wrong := tcretry.Policy{Limits: map[string]int{"cvm.DescribeInstances": 90}}
	return job(w, "wrong in the policy", new(ratelimit.Adaptive), wrong)
}

// countThrottled returns a hook that counts the throttled attempts.
func countThrottled(n *atomic.Int64) func(context.Context, tcretry.AttemptInfo) {
	return func(_ context.Context, i tcretry.AttemptInfo) {
		if i.Class == tcretry.Throttled {
			n.Add(1)
		}
	}
}

// job makes 100 calls at the same time and writes how many attempts were throttled.
func job(w io.Writer, name string, limiter *ratelimit.Adaptive, policy tcretry.Policy) error {
	api := tctest.NewAPI()
	api.RateLimit("DescribeInstances", 40, tctest.FixedWindow)
	var throttled atomic.Int64
	transport := tcretry.New(api, tcretry.WithRateLimiter(limiter), tcretry.WithPolicy(policy),
		tcretry.WithHooks(tcretry.Hooks{AttemptDone: countThrottled(&throttled)}))
	var calls sync.WaitGroup
	failures := make(chan error, 100)
	for range 100 {
		calls.Go(func() { failures <- call(&http.Client{Transport: transport}) })
	}
	calls.Wait()
	close(failures)
	var errs []error
	for err := range failures {
		errs = append(errs, err)
	}
	s := transport.RateLimits()[0]
	fmt.Fprintf(w, "%-20s configured %d/s, now %d/s, %d attempts throttled\n", name, s.Configured, s.Limit, throttled.Load())
	return errors.Join(errs...)
}

func call(client *http.Client) error {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", "DescribeInstances")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return tcretry.CheckResponse(resp)
}
