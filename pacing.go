package tcretry

import (
	"net/http"
	"strconv"
	"strings"
	"time"
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
func (c *call) paceKey() PaceKey {
	action, authorization := first(c.req.Header[headerAction]), first(c.req.Header[headerAuthorization])
	if action == "" || authorization == "" {
		id := c.identify()
		return PaceKey{Host: c.host, Action: id.Action, Credential: id.credential}
	}
	credential, _ := credentialOf(authorization)
	return PaceKey{Host: c.host, Action: name(action), Credential: credential}
}

// productDelay is how long a limit of a product must last at least for the rate
// limiter to leave it alone: those are no limits per second.
const productDelay = time.Minute

// paceResult is what an outcome tells the rate limiter; rule is nil if it was not
// classified. The limits of products are limits of their action, and so is what a rule
// of the policy calls throttled. Of a code of the API's own layer that a rule does not
// rate limit nothing is reported: the request was not accepted either.
func paceResult(o *Outcome, rule *resolved) PaceResult {
	switch {
	case o.Envelope != nil && rule.rateLimits(o.Envelope.Code):
		count, limit := quotaNumbers(o.Envelope.Message)
		return PaceResult{Verdict: PaceRejected, Code: o.Envelope.Code, Count: count, Limit: limit}
	case o.Response == nil, o.Envelope != nil && isPacedCode(o.Envelope.Code):
		return PaceResult{}
	case o.Envelope != nil:
		return PaceResult{Verdict: PaceAccepted}
	case o.Response.StatusCode == http.StatusTooManyRequests:
		return PaceResult{Verdict: PaceRejected}
	case o.Response.StatusCode >= 500, o.Response.StatusCode == http.StatusRequestTimeout, o.Response.StatusCode == http.StatusTooEarly:
		return PaceResult{} // a gateway's
	}
	return PaceResult{Verdict: PaceAccepted}
}

// quotaNumbers reads the current count and the limit out of a rejection's text,
// 0 and 0 if it does not hold just these two. They stand in backticks, in Chinese
// and in English; the wording around them changes, so they are a hint and no
// more.
func quotaNumbers(message string) (count, limit int) {
	parts := strings.SplitN(message, "`", 6)
	if len(parts) != 5 {
		return 0, 0
	}
	count, errCount := strconv.Atoi(parts[1])
	limit, errLimit := strconv.Atoi(parts[3])
	if errCount != nil || errLimit != nil || count <= 0 || limit <= 0 {
		return 0, 0
	}
	return count, limit
}
