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

// tcretryDefaults has no option.
var tcretryDefaults = scene.Tcretry("**tcretry**")

// tcretrySlow has slow start.
var tcretrySlow = scene.Tcretry("**tcretry**, slow start", func() tcretry.Option {
	return tcretry.WithRateLimiter(&ratelimit.Adaptive{SlowStart: true})
})

// The other strategies. All of them recognise retryable responses: that is not what is
// compared here.
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
	configuredLimiter = scene.Strategy{Name: "x/time/rate, limit *configured*", New: limited}
	officialSDK       = scene.Strategy{Name: "official SDK, 10 retries (1, 2, 4 … s)", New: sdk}
)

// retried retries every failure with the delays of backoff/v4.
func retried(base http.RoundTripper, delays func() backoff.BackOff) scene.Call {
	return func() error {
		return backoff.Retry(func() error { return scene.Send(base) }, delays())
	}
}

// retryable is go-retryablehttp with its own delays, number of attempts and policy, except
// for API errors, which its own policy takes for successes.
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

// limited waits for x/time/rate before each attempt, and retries API errors without
// limit.
func limited(base http.RoundTripper, limit float64) scene.Call {
	limiter := rate.NewLimiter(rate.Limit(limit), 1)
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
