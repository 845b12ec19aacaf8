package tcretry

import (
	"net/http"
	"slices"
	"time"

	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/internal/request"
	"github.com/tcretry/tcretry/ratelimit"
)

// pacedCodes are the codes by which the API's own layer refuses a request for
// its rate.
// Source: cloud.tencent.com/document/product/213/30435.
var pacedCodes = []string{
	"RequestLimitExceeded",
	"RequestLimitExceeded.GlobalRegionUinLimitExceeded",
	"RequestLimitExceeded.IPLimitExceeded",
	"RequestLimitExceeded.UinLimitExceeded",
}

// paceKey is what the API counts the request by. It takes two headers, where
// identify would go through all: a call that need not wait asks for no more.
func (c *call) paceKey() ratelimit.Key {
	action, credential, ok := request.SignedAction(c.req.Header)
	if !ok {
		id := c.identify()
		action, credential = id.Action, id.Credential
	}
	return ratelimit.Key{Host: c.host, Action: action, Credential: credential}
}

// productDelay is how long a limit of a product must last at least for the rate
// limiter to leave it alone: those are no limits per second.
const productDelay = time.Minute

// paceResult is what an outcome tells the rate limiter; rule is nil if it was not
// classified. The limits of products are limits of their action, and so is what a rule
// of the policy calls throttled. Of a code of the API's own layer that a rule does not
// rate limit nothing is reported: the request was not accepted either.
func paceResult(o *Outcome, rule *resolved) ratelimit.Result {
	switch {
	case o.APIError != nil && rule.rateLimits(o.APIError.Code):
		count, limit := codes.RateNumbers(o.APIError.Message)
		return ratelimit.Result{Verdict: ratelimit.Throttled, Code: o.APIError.Code, Count: count, Limit: limit}
	case o.Response == nil, o.APIError != nil && isPacedCode(o.APIError.Code):
		return ratelimit.Result{}
	case o.APIError != nil:
		return ratelimit.Result{Verdict: ratelimit.Accepted}
	case o.Response.StatusCode == http.StatusTooManyRequests:
		return ratelimit.Result{Verdict: ratelimit.Throttled}
	case o.Response.StatusCode >= 500, o.Response.StatusCode == http.StatusRequestTimeout, o.Response.StatusCode == http.StatusTooEarly:
		return ratelimit.Result{} // a gateway's
	}
	return ratelimit.Result{Verdict: ratelimit.Accepted}
}

// isPacedCode reports whether a code is one by which the API's own layer refuses a
// request for its rate.
func isPacedCode(code string) bool { return slices.Contains(pacedCodes, code) }

// rateLimits reports whether an API error with a code, for which r is what to do, is
// a throttle to the rate limiter. Those of the API's own layer are whatever their
// class: a call that is not retried has met the limit as well.
func (r *resolved) rateLimits(code string) bool {
	switch {
	case r == nil || r.rateLimit == RateLimitByClass:
		return isPacedCode(code) || r != nil && r.class == Throttled && r.leastDelay < productDelay
	case r.rateLimit == NotRateLimited:
		return false
	}
	return isPacedCode(code) || r.class == Throttled
}
