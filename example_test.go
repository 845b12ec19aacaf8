package tcretry_test

import (
	"bytes"
	"context"
	"errors"
	"expvar"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/label"
	"github.com/tcretry/tcretry/tctest"
)

// soon is a policy with delays of a millisecond, so that the examples end immediately.
var soon = tcretry.Policy{Codes: map[string]tcretry.Rule{
	"InternalError":        {Backoff: tcretry.Backoff{Initial: time.Millisecond, Max: time.Millisecond}},
	"RequestLimitExceeded": {Backoff: tcretry.Backoff{Initial: time.Millisecond, Max: time.Millisecond}},
	"ResourceInUse":        {Backoff: tcretry.Backoff{Initial: time.Millisecond, Max: time.Millisecond}},
}}

// newRequest makes a request as a program without an SDK does.
func newRequest(action, body string) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", "2017-03-12")
	return req
}

// The first attempt fails with a transient error, the second succeeds. The caller gets
// the second response.
func ExampleNew() {
	api := tctest.NewAPI()
	api.Script("DescribeZones", tctest.Fail("InternalError", "try again"), tctest.OK(map[string]any{"TotalCount": 7}))

	client := &http.Client{Transport: tcretry.New(api, tcretry.WithPolicy(soon))}
	resp, err := client.Do(newRequest("DescribeZones", `{}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(bytes.Contains(body, []byte(`"TotalCount":7`)), "after", len(api.Recorded()), "attempts")
	// Output: true after 2 attempts
}

// All invalid options are reported at once.
func ExampleNewTransport() {
	_, err := tcretry.NewTransport(nil, tcretry.WithMaxPeekBytes(0), tcretry.WithAttemptTimeout(-time.Second))
	fmt.Println(err)
	// Output:
	// tcretry: WithMaxPeekBytes(0): it must be at least 1
	// tcretry: WithAttemptTimeout(-1s): it must be above zero
}

// A program without an SDK reads the API error of a response. The body stays readable.
func ExampleCheckResponse() {
	client := &http.Client{Transport: tcretry.New(always(tctest.Fail("InvalidParameter", "no such zone")))}
	resp, err := client.Do(newRequest("RunInstances", `{}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	var envelope *tcretry.APIError
	if errors.As(tcretry.CheckResponse(resp), &envelope) {
		fmt.Println(resp.StatusCode, envelope.Code, "-", envelope.Message)
	}
	// Output: 200 InvalidParameter - no such zone
}

// The HTTP status alone is no evidence: a failed call has 200.
func ExampleCheckResponse_incorrect() {
	client := &http.Client{Transport: tcretry.New(always(tctest.Fail("AuthFailure.SecretIdNotFound", "")))}
	resp, err := client.Do(newRequest("RunInstances", `{}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		fmt.Println("looks like a success")
	}
	fmt.Println(tcretry.CheckResponse(resp) == nil)
	// Output:
	// looks like a success
	// false
}

func ExampleWithHooks() {
	api := tctest.NewAPI()
	api.Script("RunInstances", tctest.Fail("ResourceInUse", "busy"), tctest.OK(nil))
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithPolicy(soon), tcretry.WithHooks(tcretry.Hooks{
		AttemptDone: func(_ context.Context, i tcretry.AttemptInfo) {
			fmt.Println("attempt", i.Attempt, "of", i.Action, "was a", i.Class)
		},
		CallDone: func(_ context.Context, i tcretry.CallInfo) {
			fmt.Printf("done after %d attempts: %s\n", i.Attempts, i.Reason)
		},
	}))}
	resp, err := client.Do(newRequest("RunInstances", `{}`))
	if err == nil {
		resp.Body.Close()
	}
	// Output:
	// attempt 1 of RunInstances was a busy
	// attempt 2 of RunInstances was a success
	// done after 2 attempts: success
}

// Calls by action in a metric of your own. Callers choose the actions: a label.Limiter
// keeps the first values and counts the others together.
func ExampleWithHooks_labels() {
	calls := expvar.NewMap("calls")
	actions := label.Limiter{Max: 2}
	client := &http.Client{Transport: tcretry.New(tctest.NewAPI(), tcretry.WithHooks(tcretry.Hooks{
		CallDone: func(_ context.Context, i tcretry.CallInfo) { calls.Add(actions.Label(i.Action), 1) },
	}))}
	for _, action := range []string{"DescribeZones", "DescribeImages", "DescribeDisks", "DescribeZones", "DescribeHosts"} {
		resp, err := client.Do(newRequest(action, `{}`))
		if err == nil {
			resp.Body.Close()
		}
	}
	fmt.Println(calls)
	// Output: {"DescribeImages": 1, "DescribeZones": 2, "other": 2}
}

// What is written from Info on, which is where most programs log: a call that
// succeeded after a retry, and one whose outcome is unknown. A terminal error of a
// first attempt is written at Debug, because the caller gets it.
func ExampleLogHooks() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "service", "host", "duration", "waited": // to keep the lines short and the same
			return slog.Attr{}
		}
		return a
	}}))
	api := tctest.NewAPI()
	api.Script("StartInstances", tctest.Fail("InternalError", ""), tctest.OK(nil))
	api.Script("StopInstances", tctest.Fail("InvalidInstanceId.NotFound", ""))
	api.Script("RunInstances", tctest.DropAfterExecution())
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithPolicy(soon), tcretry.WithHooks(tcretry.LogHooks(logger)))}
	for _, action := range []string{"StartInstances", "StopInstances", "RunInstances"} {
		resp, err := client.Do(newRequest(action, `{}`))
		if err == nil {
			resp.Body.Close()
		}
	}
	// Output:
	// level=INFO msg="tcretry: call succeeded after retries" api.action=StartInstances call.attempts=2 call.stop_reason=success response.class=success response.status=200
	// level=WARN msg="tcretry: call failed" api.action=RunInstances call.attempts=1 call.stop_reason=not_idempotent call.outcome_unknown=true response.class=ambiguous response.error=EOF
}

// A classifier of your own is called with each outcome before the defaults.
func ExampleWithClassifier() {
	api := tctest.NewAPI()
	api.Script("CreateDisks", tctest.Fail("FailedOperation", "please try again later"), tctest.OK(nil))
	again := tcretry.ClassifierFunc(func(o tcretry.Outcome) tcretry.Class {
		if o.APIError != nil && strings.Contains(o.APIError.Message, "try again later") {
			return tcretry.Transient
		}
		return tcretry.Undecided
	})
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithClassifier(again))}
	resp, err := client.Do(newRequest("CreateDisks", `{}`))
	if err == nil {
		fmt.Println(tcretry.CheckResponse(resp) == nil, len(api.Recorded()))
		resp.Body.Close()
	}
	// Output: true 2
}

// An action that is idempotent, although its name is not that of a read-only one.
func ExampleWithIdempotency() {
	api := tctest.NewAPI()
	api.Script("StartInstances", tctest.DropAfterExecution(), tctest.OK(nil))
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithIdempotency(func(req *http.Request) bool {
		return tcretry.Idempotent(req) || req.Header.Get("X-TC-Action") == "StartInstances"
	}))}
	resp, err := client.Do(newRequest("StartInstances", `{"InstanceIds":["ins-1"]}`))
	if err == nil {
		resp.Body.Close()
	}
	fmt.Println(err, api.Executions("StartInstances"))
	// Output: <nil> 2
}

// To retry every POST is how to buy a second server.
func ExampleWithIdempotency_incorrect() {
	api := tctest.NewAPI()
	api.Script("RunInstances", tctest.DropAfterExecution(), tctest.OK(nil))
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithIdempotency(func(*http.Request) bool { return true }))}
	resp, err := client.Do(newRequest("RunInstances", `{}`))
	if err == nil {
		resp.Body.Close()
	}
	fmt.Println("servers bought:", api.Executions("RunInstances"))
	// Output: servers bought: 2
}

// With a ClientToken the API executes a request once, however often it is sent.
func ExampleIdempotent() {
	fmt.Println(tcretry.Idempotent(newRequest("DescribeInstances", `{}`)))
	fmt.Println(tcretry.Idempotent(newRequest("RunInstances", `{}`)))
	fmt.Println(tcretry.Idempotent(newRequest("RunInstances", `{"ClientToken":"order-4711"}`)))
	// Output:
	// true
	// false
	// true
}

// One call of a batch job may take longer than others.
func ExampleContextWithPolicy() {
	api := always(tctest.Fail("InternalError", ""))
	client := &http.Client{Transport: tcretry.New(api)}
	patient := soon
	patient.MaxAttempts = 6
	req := newRequest("DescribeInstances", `{}`)
	resp, err := client.Do(req.WithContext(tcretry.ContextWithPolicy(req.Context(), patient)))
	if err == nil {
		resp.Body.Close()
	}
	fmt.Println(len(api.Recorded()))
	// Output: 6
}

// A new policy holds for the calls that start from now on.
func ExampleTransport_SetPolicy() {
	api := always(tctest.Fail("InternalError", ""))
	transport := tcretry.New(api)
	if err := transport.SetPolicy(tcretry.Policy{MaxAttempts: 1}); err != nil {
		fmt.Println(err)
	}
	resp, err := transport.RoundTrip(newRequest("DescribeInstances", `{}`))
	if err == nil {
		resp.Body.Close()
	}
	fmt.Println(len(api.Recorded()))
	// Output: 1
}

// An attempt that hangs ends, and the call continues with a retry.
func ExampleWithAttemptTimeout() {
	api := tctest.NewAPI()
	api.Script("DescribeInstances", tctest.Delay(time.Hour, tctest.OK(nil)), tctest.OK(nil))
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithAttemptTimeout(20*time.Millisecond))}
	resp, err := client.Do(newRequest("DescribeInstances", `{}`))
	if err == nil {
		resp.Body.Close()
	}
	fmt.Println(err, len(api.Recorded()))
	// Output: <nil> 2
}

// Transports that share a budget consume its tokens together: here one token for
// the retries of both, and no attempt succeeds.
func ExampleWithBudget() {
	// A retry without a token waits for MaxDefer, 5 seconds unless it is set.
	budget := &budget.Tokens{Capacity: 1, MaxDefer: 10 * time.Millisecond}
	api := always(tctest.Fail("InternalError", ""))
	for range 2 {
		transport := tcretry.New(api, tcretry.WithPolicy(soon), tcretry.WithBudget(budget))
		resp, err := transport.RoundTrip(newRequest("RunInstances", `{}`))
		if err == nil {
			resp.Body.Close()
		}
	}
	fmt.Println(len(api.Recorded()), "attempts of 2 calls")
	// Output: 3 attempts of 2 calls
}

// An existing retryablehttp.Client keeps its loop, and retries what a Transport would.
func ExampleCheckRetry() {
	api := tctest.NewAPI()
	api.Script("DescribeInstances", tctest.Fail("InternalError", ""), tctest.OK(nil))

	client := retryablehttp.NewClient()
	client.Logger = nil
	client.HTTPClient.Transport = api
	client.CheckRetry = tcretry.CheckRetry(nil)
	client.Backoff = tcretry.RetryableBackoff(soon)

	req, _ := retryablehttp.FromRequest(newRequest("DescribeInstances", `{}`))
	resp, err := client.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	fmt.Println(err, len(api.Recorded()))
	// Output: <nil> 2
}

// Whether a call may be made again: not before a check whether the request that was lost
// was executed.
func ExampleError() {
	api := always(tctest.DropAfterExecution())
	client := &http.Client{Transport: tcretry.New(api)}
	_, err := client.Do(newRequest("RunInstances", `{}`))

	var e *tcretry.Error
	switch {
	case err == nil:
		fmt.Println("there is a response")
	case errors.Is(err, tcretry.ErrOutcomeUnknown) && errors.As(err, &e):
		fmt.Printf("%s may have been executed: %d attempt, no more because it is %s\n", e.Action, e.Attempts, e.Reason)
	default:
		fmt.Println("it was not executed")
	}
	fmt.Println(errors.Is(err, io.EOF))
	// Output:
	// RunInstances may have been executed: 1 attempt, no more because it is not_idempotent
	// true
}

// The attempts of one call, for a test or an error report. Printing the trace
// itself writes a table.
func ExampleTrace() {
	api := tctest.NewAPI()
	api.Script("RunInstances", tctest.Fail("ResourceInUse", "The disk is in use."), tctest.OK(nil))
	client := &http.Client{Transport: tcretry.New(api, tcretry.WithPolicy(soon))}

	ctx, trace := tcretry.Trace(context.Background())
	resp, err := client.Do(newRequest("RunInstances", `{}`).WithContext(ctx))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()

	call := trace.Calls()[0]
	for _, a := range call.Attempts {
		fmt.Printf("%d %s %q\n", a.Attempt, a.Class, a.Code)
	}
	fmt.Println(call.Call.Action, call.Call.Reason)
	// Output:
	// 1 busy "ResourceInUse"
	// 2 success ""
	// RunInstances success
}

// The operation of a request is the name of a span, or of a log line, that begins before
// the call.
func ExampleOperationOf() {
	target := tcretry.OperationOf(newRequest("RunInstances", `{}`))
	fmt.Println(target.Service, target.Action)
	// Output:
	// cvm RunInstances
}

// always returns an API that gives one response to every request.
func always(r tctest.Reply) *tctest.API {
	api := tctest.NewAPI()
	api.Default(r)
	return api
}
