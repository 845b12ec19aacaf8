package tcretry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// Turn a default off: no InternalError is retried.
func ExamplePolicy_turnOff() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {Class: tcretry.Terminal}}}
	fmt.Println(p.Explain("InternalError.ServerBusy").Retry)
	// Output: no
}

// Turn another code on: one that the catalogue does not have.
func ExamplePolicy_turnOn() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ServiceUnavailable": {Class: tcretry.Transient}}}
	fmt.Println(tcretry.Explain("ServiceUnavailable").Class, "becomes", p.Explain("ServiceUnavailable").Class)
	// Output: terminal becomes transient
}

// Wait longer for one code. What the rule does not set keeps its default: the
// delays still triple, to 30 seconds, and still vary by a fifth.
func ExamplePolicy_slower() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {Backoff: tcretry.Backoff{Initial: 10 * time.Second}}}}
	fmt.Println(p.Explain("ResourceInUse").Delays)
	// Output: [8s to 12s 20s to 30s 20s to 30s]
}

// Limit one code within a call: its second InternalError is its last.
func ExamplePolicy_fewer() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {MaxAttempts: 2}}}
	fmt.Println(p.Explain("InternalError").MaxAttempts, p.Explain("ResourceInUse").MaxAttempts)
	// Output: 2 4
}

// More attempts for one code than for others. The policy's two minutes are a
// default, which does not cut them short.
func ExamplePolicy_more() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {MaxAttempts: 30}}}
	fmt.Println(p.Explain("ResourceInUse").MaxAttempts, p.Explain("InternalError").MaxAttempts)
	// Output: 30 4
}

// Wait for minutes until a resource is free: one rule, and as many attempts as
// fit. The deadline of the context and http.Client.Timeout must allow it, and the
// requests be signed inside, as package tc3 does: a signature made outside is not
// sent after five minutes.
func ExamplePolicy_minutes() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {MaxElapsed: 10 * time.Minute}}}
	for _, change := range p.Explain("ResourceInUse").Changes {
		fmt.Println(change)
	}
	// Output:
	// attempts: 4 → any number
	// time: 2m → 10m
}

// By default throttled codes are rate limited: the limiter learns from them when a
// retry may start. A rule turns that on for a code by its class, and off by
// RateLimit: retries then wait for the backoff and count against MaxAttempts.
func ExampleRule_rateLimit() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{
		"FailedOperation.TooOften":        {Class: tcretry.Throttled},
		"LimitExceeded.RateLimitExceeded": {RateLimit: tcretry.NotRateLimited},
	}}
	for _, code := range []string{"FailedOperation.TooOften", "LimitExceeded.RateLimitExceeded"} {
		fmt.Println(tcretry.Explain(code).RateLimited, "becomes", p.Explain(code).RateLimited)
	}
	// Output:
	// false becomes true
	// true becomes false
}

// A policy that is valid may still not be what was meant.
func ExamplePolicy_Lint() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{
		"ServiceUnavailable": {MaxAttempts: 3},
		"cvm:InternalErorr":  {Class: tcretry.Terminal},
	}}
	for _, warning := range p.Lint() {
		fmt.Println(warning)
	}
	// Output:
	// Codes["ServiceUnavailable"].MaxAttempts: 3: has no effect: ServiceUnavailable is terminal, which is not retried; a Class turns retries on
	// Codes["cvm:InternalErorr"]: unknown code "InternalErorr": no family "InternalErorr" is documented; did you mean "InternalError"?
}

// Retry a code for idempotent requests only: no second server after an InternalError.
func ExampleRule_idempotentOnly() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError": {IdempotentOnly: true}}}
	fmt.Println(p.Explain("InternalError").Retry)
	// Output: only idempotent requests, such as reads and those with a ClientToken: it may have been executed
}

// The same as a policy of the package.
func ExampleConservativePolicy() {
	fmt.Println(tcretry.ConservativePolicy().Explain("InternalError.NoSuchCode").IdempotentOnly)
	fmt.Println(tcretry.ConservativePolicy().Explain("RequestLimitExceeded").IdempotentOnly)
	// Output:
	// true
	// false
}

// The same code can mean something else to another product.
func ExamplePolicy_service() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"vpc:ResourceInUse": {Class: tcretry.Terminal}}}
	fmt.Println(p.Explain("vpc:ResourceInUse").Class, p.Explain("cvm:ResourceInUse").Class)
	// Output: terminal busy
}

// One action of one product.
func ExamplePolicy_action() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"cvm.RunInstances:InternalError": {Class: tcretry.Terminal}}}
	fmt.Println(p.Explain("cvm.RunInstances:InternalError").Class, p.Explain("cvm.DescribeInstances:InternalError").Class)
	// Output: terminal transient
}

// Any sequence of delays that backoff/v4 can make.
func ExampleBackoff_new() {
	constant := func() backoff.BackOff { return backoff.NewConstantBackOff(3 * time.Second) }
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"ResourceInUse": {Backoff: tcretry.Backoff{New: constant}}}}
	fmt.Println(p.Validate())
	// Output: <nil>
}

// Limits of every call.
func ExamplePolicy_bounds() {
	p := tcretry.Policy{MaxAttempts: 6, MaxElapsed: time.Minute, MaxDelay: 3 * time.Second}
	fmt.Println(p.Explain("RequestLimitExceeded").Delays)
	// Output: [1s to 1.5s 2s to 3s 3s 3s 3s]
}

// A policy as data.
func ExampleParsePolicy() {
	p, err := tcretry.ParsePolicy(strings.NewReader(`{
		"maxElapsed": "1m",
		"codes": {
			"InternalError": {"idempotentOnly": true},
			"cvm:ResourceInUse": {"maxAttempts": 3, "backoff": {"initial": "5s"}}
		}
	}`))
	fmt.Println(p.Codes["cvm:ResourceInUse"].Backoff.Initial, err)
	// Output: 5s <nil>
}

// Every invalid value is reported, with its path and what is accepted.
func ExampleParsePolicy_incorrect() {
	_, err := tcretry.ParsePolicy(strings.NewReader(`{"maxElapsed": 60, "codes": {"InternalError": {"class": "retry"}}}`))
	fmt.Println(err)
	// Output:
	// tcretry: policy: maxElapsed: 60: want a string such as "500ms", "2s" or "1m30s"
	// tcretry: policy: codes["InternalError"].class: "retry": want one of success, terminal, throttled, busy, transient, ambiguous
}

func ExamplePolicy_MarshalJSON() {
	_ = json.NewEncoder(os.Stdout).Encode(tcretry.ConservativePolicy())
	// Output: {"codes":{"InternalError":{"idempotentOnly":true}}}
}

// A policy that was written by hand can be checked before it is used.
func ExamplePolicy_Validate() {
	p := tcretry.Policy{Codes: map[string]tcretry.Rule{"InternalError.*": {MaxAttempts: -1}}}
	fmt.Println(p.Validate())
	// Output:
	// tcretry: policy: Codes["InternalError.*"]: want a code or family such as "InternalError" or "InternalError.Test"; a family covers its sub-codes, without a "*"
	// tcretry: policy: Codes["InternalError.*"].MaxAttempts: -1: want 0, which means the default, or more
}

// What a code means, for the person on call.
func ExampleExplain() {
	fmt.Println(tcretry.Explain("RequestLimitExceeded.RotateRateLimited"))
	// Output:
	// RequestLimitExceeded.RotateRateLimited: terminal
	//   reason    allowed once in 24 hours
	//   retry     no
	//   rule      built in, code RequestLimitExceeded.RotateRateLimited
	//   products  kms
}

// A failure without a response, as a log has it.
func ExampleTransportErrors() {
	e := tcretry.Explain(`Post "https://cvm.tencentcloudapi.com/": dial tcp 10.0.0.1:443: connect: connection refused`)
	fmt.Println(e.Code, e.Class, slices.Contains(tcretry.TransportErrors(), e.Code))
	// Output: connection refused transient true
}

func ExampleCodes() {
	for _, code := range tcretry.Codes() {
		if strings.HasPrefix(code, "OperationDenied.Freq") {
			fmt.Println(code, tcretry.Explain(code).Class)
		}
	}
	// Output: OperationDenied.FreqOverLimit throttled
}

// Requests to a gateway of your own that signs what it forwards have nothing that
// identifies them as requests to the API.
func ExampleWithScope() {
	api := tctest.NewAPI()
	api.Default(tctest.Fail("InternalError", "try again"))
	scope := func(req *http.Request) bool {
		return tcretry.IsAPIRequest(req) || req.URL.Host == "gateway.local"
	}
	for name, rt := range map[string]*tcretry.Transport{
		"default": tcretry.New(api, tcretry.WithPolicy(soon)),
		"widened": tcretry.New(api, tcretry.WithPolicy(soon), tcretry.WithScope(scope)),
	} {
		req, err := http.NewRequest(http.MethodPost, "http://gateway.local/cvm/DescribeZones", strings.NewReader(`{}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		before := len(api.Recorded())
		resp, err := rt.RoundTrip(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		resp.Body.Close()
		fmt.Println(name, len(api.Recorded())-before)
	}
	// Unordered output:
	// default 1
	// widened 4
}

// The response to a purchase is lost. Without a token the request is not sent again; with
// one the API executes it once for both attempts.
func ExampleWithClientTokens() {
	for _, opts := range [][]tcretry.Option{nil, {tcretry.WithClientTokens()}} {
		api := tctest.NewAPI(tctest.DropAfterExecution())
		client := &http.Client{Transport: tcretry.New(api, opts...)}
		order, _ := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com", strings.NewReader(`{"ImageId":"img-1"}`))
		order.Header.Set("Content-Type", "application/json")
		order.Header.Set("X-TC-Action", "RunInstances")
		response, err := client.Do(order)
		if err == nil {
			err = tcretry.CheckResponse(response)
		}
		fmt.Println("known to have worked:", err == nil)
		fmt.Println("attempts:", api.Attempts("RunInstances"), "servers bought:", api.Executions("RunInstances"))
	}
	// Output:
	// known to have worked: false
	// attempts: 1 servers bought: 1
	// known to have worked: true
	// attempts: 2 servers bought: 1
}

// Rules for a service hold behind an endpoint of your own.
func ExampleWithService() {
	api := always(tctest.Fail("InternalError", ""))
	rt := tcretry.New(api, tcretry.WithService("cvm"), tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{
		"cvm.RunInstances:InternalError": {Class: tcretry.Terminal},
	}}))
	req := newRequest("RunInstances", `{}`)
	req.URL.Host = "gateway.local"
	_, _ = rt.RoundTrip(req)
	fmt.Println(len(api.Recorded()), "attempt")
	// Output: 1 attempt
}
