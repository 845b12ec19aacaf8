package e2e_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tctest"
)

// soakAnswer draws what the server does with an attempt.
func soakAnswer(rng *rand.Rand) tctest.Reply {
	ok := tctest.OK(map[string]any{"Items": strings.Repeat("i", rng.IntN(30_000))})
	switch rng.IntN(40) {
	case 0:
		return tctest.DropBeforeExecution()
	case 1:
		return tctest.DropAfterExecution()
	case 2:
		return tctest.ResetInHeaders()
	case 3:
		return tctest.Truncate(rng.IntN(100), ok)
	case 4:
		return tctest.GatewayError(http.StatusBadGateway)
	case 5:
		return tctest.AfterExecution(tctest.GatewayError(http.StatusServiceUnavailable))
	case 6:
		return tctest.Header("Retry-After", "0", tctest.Status(http.StatusTooManyRequests, "slow down"))
	case 7:
		return tctest.Throttle()
	case 8:
		return tctest.Fail("InternalError", "for the test")
	case 9:
		return tctest.Gzip(tctest.Fail("ResourceInUse", "for the test"))
	case 10:
		return tctest.Fail("AuthFailure", "for the test")
	case 11:
		return tctest.Stream(time.Millisecond, "1", "2", "3")
	case 12:
		return tctest.Delay(time.Duration(rng.IntN(30))*time.Millisecond, ok)
	case 13:
		return tctest.Deflate(ok)
	case 14:
		return tctest.RawBody("application/json", probe.Success(200_000))
	case 15, 16:
		return tctest.Chunked(ok)
	case 17, 18:
		return tctest.Gzip(ok)
	}
	return ok
}

// soakPolicy draws a policy whose delays are short.
func soakPolicy(rng *rand.Rand) tcretry.Policy {
	b := tcretry.Backoff{Initial: time.Millisecond, Max: 5 * time.Millisecond, Multiplier: 2}
	return tcretry.Policy{
		MaxAttempts: 1 + rng.IntN(4),
		MaxElapsed:  time.Duration(50+rng.IntN(1000)) * time.Millisecond,
		Codes:       map[string]tcretry.Rule{"RequestLimitExceeded": {Backoff: b}, "InternalError": {Backoff: b}, "ResourceInUse": {Backoff: b}},
	}
}

// request draws a request: a read, a write with a ClientToken or one without.
func (s *soak) request(ctx context.Context, rng *rand.Rand, id string) *http.Request {
	action, text := "DescribeInstances", fmt.Sprintf(`{"Id":%q,"Pad":%q}`, id, strings.Repeat("p", rng.IntN(3000)))
	switch rng.IntN(3) {
	case 0:
		action = "RunInstances"
	case 1:
		action, text = "RunInstances", strings.Replace(text, "{", fmt.Sprintf(`{"ClientToken":%q,`, id), 1)
	}
	var body io.Reader = strings.NewReader(text)
	if rng.IntN(2) == 0 {
		body = io.NopCloser(body) // without GetBody
	}
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.server.URL, body) // the URL is fine
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Region", "ap-guangzhou")
	req.Header.Set("Content-Type", "application/json")
	if rng.IntN(4) == 0 {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	// The rate limit is counted by host: a few of them, so that not all calls wait for
	// one.
	req.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=AKID%d/2026-01-01/cvm/tc3_request, …", rng.IntN(500)))
	return req
}

// useBody reads a response's body as callers do: to its end, a part of it or nothing,
// and closes it once, twice or, at its end, not at all.
func useBody(rng *rand.Rand, body io.ReadCloser) {
	how := rng.IntN(5)
	switch how {
	case 0, 1:
		_, _ = io.Copy(io.Discard, body)
	case 2:
		_, _ = io.CopyN(io.Discard, body, int64(rng.IntN(1000)))
	}
	if how > 0 {
		_ = body.Close()
	}
	if how == 3 {
		_ = body.Close()
		_, _ = body.Read(make([]byte, 1))
	}
}
