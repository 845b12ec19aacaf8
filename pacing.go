package tcretry

import (
	"net/http"
	"slices"
	"time"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/request"
	"github.com/tcretry/tcretry/ratelimit"
)

// rateLimitCodes are the throttling codes of the API's own layer.
// Source: cloud.tencent.com/document/product/213/30435.
var rateLimitCodes = []string{
	"RequestLimitExceeded",
	"RequestLimitExceeded.GlobalRegionUinLimitExceeded",
	"RequestLimitExceeded.IPLimitExceeded",
	"RequestLimitExceeded.UinLimitExceeded",
}

// rateLimitKey is the key that the API counts the request by. It reads two headers,
// where identify reads all: a call that does not wait needs no more.
func (c *call) rateLimitKey() ratelimit.Key {
	if !c.isObserved() { // else all of it is needed later
		if action, credential, ok := request.SignedAction(c.req.Header); ok {
			return ratelimit.Key{Host: c.host, Action: action, Credential: credential}
		}
	}
	id := c.identify()
	return ratelimit.Key{Host: c.host, Action: id.Action, Credential: id.Credential}
}

// productDelay is how long a limit of a product must last at least for the rate
// limiter to leave it alone: those are no limits per second.
const productDelay = time.Minute

// limiterResult is the result of an attempt for the rate limiter; rule is nil if the
// outcome was not classified. The limits of products, and codes that a rule of the policy
// makes throttled, are limits of the action. A code of the API's own layer that a rule
// excludes from rate limiting reports nothing: the request was not accepted either.
func limiterResult(o *Outcome, rule *resolved) ratelimit.Result {
	switch {
	case o.TaskFailure:
		return ratelimit.Result{Verdict: ratelimit.Accepted} // the call itself succeeded
	case o.APIError != nil && rule.rateLimits(o.APIError.Code):
		count, limit := codes.RateNumbers(o.APIError.Message)
		return ratelimit.Result{Verdict: ratelimit.Throttled, Code: o.APIError.Code, Count: count, Limit: limit}
	case o.Response == nil, o.APIError != nil && isRateLimitCode(o.APIError.Code):
		return ratelimit.Result{}
	case o.APIError != nil:
		return ratelimit.Result{Verdict: ratelimit.Accepted}
	case o.Response.StatusCode == http.StatusTooManyRequests:
		return ratelimit.Result{Verdict: ratelimit.Throttled}
	case o.Response.StatusCode >= 500, o.Response.StatusCode == http.StatusRequestTimeout, o.Response.StatusCode == http.StatusTooEarly:
		return ratelimit.Result{} // of a gateway, which does not count
	}
	return ratelimit.Result{Verdict: ratelimit.Accepted}
}

// isRateLimitCode reports whether code is a throttling code of the API's own layer.
func isRateLimitCode(code string) bool { return slices.Contains(rateLimitCodes, code) }

// rateLimits reports whether an API error with a code, for which r is what to do, is
// a throttling response to the rate limiter. Those of the API's own layer are, whatever
// their class: a call that is not retried has reached the limit as well.
func (r *resolved) rateLimits(code string) bool {
	switch {
	case r == nil || r.rateLimit == RateLimitByClass:
		return isRateLimitCode(code) || r != nil && r.class == Throttled && r.leastDelay < productDelay
	case r.rateLimit == NotRateLimited:
		return false
	}
	return isRateLimitCode(code) || r.class == Throttled
}

// setLimits passes the limits of a policy to the rate limiter. Without limits it only
// removes those of the policy before, so that limits which the program has set itself stay.
func (t *Transport) setLimits(limits map[string]int) error {
	if len(limits) == 0 && !t.limited.Load() {
		return nil
	}
	limiter, ok := t.activeRateLimiter().(interface {
		SetLimits(func(ratelimit.Key) int)
	})
	if !ok {
		return &PolicyError{Path: "Limits", Reason: "want a Transport whose rate limiter has SetLimits, as ratelimit.Adaptive has"}
	}
	t.limited.Store(len(limits) > 0)
	limiter.SetLimits(func(key ratelimit.Key) int {
		service := request.HostService(key.Host)
		if service == "" {
			service = t.service
		}
		if n, ok := limits[service+"."+key.Action]; ok {
			return n
		}
		return limits[service]
	})
	return nil
}
