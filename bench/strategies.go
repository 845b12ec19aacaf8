package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	"golang.org/x/time/rate"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/ratelimit"
)

// tcretryAsItComes has no option.
var tcretryAsItComes = scene.Ours("**tcretry**")

// tcretrySlow starts slowly.
var tcretrySlow = scene.Ours("**tcretry**, slow start", func() tcretry.Option {
	return tcretry.WithRateLimiter(&ratelimit.Adaptive{SlowStart: true})
})

// The strategies beside it. All of them know which answers pass: that is not what
// is compared here.
var (
	constantSecond = scene.Strategy{Name: "constant 1 s, unlimited", New: func(base http.RoundTripper, _ float64) scene.Call {
		return retried(base, func() backoff.BackOff { return backoff.NewConstantBackOff(time.Second) })
	}}
	backoffDefaults = scene.Strategy{Name: "backoff/v4 defaults", New: func(base http.RoundTripper, _ float64) scene.Call {
		return retried(base, func() backoff.BackOff { return backoff.NewExponentialBackOff() })
	}}
	unlimitedBackoff = scene.Strategy{Name: "plain backoff, two minutes", New: func(base http.RoundTripper, _ float64) scene.Call {
		return retried(base, func() backoff.BackOff {
			b := backoff.NewExponentialBackOff()
			b.MaxElapsedTime = 2 * time.Minute
			return b
		})
	}}
	retryableDefaults = scene.Strategy{Name: "go-retryablehttp defaults", New: retryable}
	toldLimiter       = scene.Strategy{Name: "x/time/rate, *told* the quota", New: limited}
	officialSDK       = scene.Strategy{Name: "official SDK, 10 retries (1, 2, 4 … s)", New: sdk}
)

// retried repeats whatever failed with the delays of backoff/v4.
func retried(base http.RoundTripper, delays func() backoff.BackOff) scene.Call {
	return func() error {
		return backoff.Retry(func() error { return scene.Send(base) }, delays())
	}
}

// retryable is go-retryablehttp with its own delays, number of attempts and
// policy, but for envelopes: its own sees success in each of them.
func retryable(base http.RoundTripper, _ float64) scene.Call {
	client := retryablehttp.NewClient()
	client.HTTPClient = &http.Client{Transport: base}
	client.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		if err == nil && tcretry.CheckResponse(resp) != nil {
			return true, nil
		}
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	client.ErrorHandler = retryablehttp.PassthroughErrorHandler
	client.Logger = nil
	rt := &retryablehttp.RoundTripper{Client: client}
	return func() error { return scene.Send(rt) }
}

// limited is what waits for x/time/rate before each attempt, and tries again as
// often as it takes.
func limited(base http.RoundTripper, quota float64) scene.Call {
	limiter := rate.NewLimiter(rate.Limit(quota), 1)
	return func() error {
		for {
			if err := limiter.Wait(context.Background()); err != nil {
				return err
			}
			err := scene.Send(base)
			if envelope := new(tcretry.APIError); err == nil || !errors.As(err, &envelope) {
				return err
			}
		}
	}
}

// sdk is the official SDK with its retries of RequestLimitExceeded turned on.
func sdk(base http.RoundTripper, _ float64) scene.Call {
	p := profile.NewClientProfile()
	p.RateLimitExceededMaxRetries = 10
	p.RateLimitExceededRetryDuration = profile.ExponentialBackoff
	client := common.NewCommonClient(common.NewCredential("an-id", "a-key"), "ap-guangzhou", p)
	client.WithHttpTransport(base)
	return func() error {
		req := tchttp.NewCommonRequest("cvm", "2017-03-12", "DescribeInstances")
		if err := req.SetActionParameters(map[string]any{}); err != nil {
			return err
		}
		return client.Send(req, tchttp.NewCommonResponse())
	}
}
