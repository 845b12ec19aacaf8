package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
)

// baseFunc is a function as an underlying RoundTripper.
type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// postTo is a request of a JSON body to a service of the API.
func postTo(t testing.TB, service, action, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "https://"+service+".tencentcloudapi.com/", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if action != "" {
		req.Header.Set("X-TC-Action", action)
	}
	return req
}

// observed is what the hooks received of calls that are made one by one.
type observed struct {
	attempts []tcretry.AttemptInfo
	done     []tcretry.CallInfo
}

func (o *observed) hooks() tcretry.Option {
	return tcretry.WithHooks(tcretry.Hooks{
		AttemptDone: func(_ context.Context, i tcretry.AttemptInfo) { o.attempts = append(o.attempts, i) },
		CallDone:    func(_ context.Context, i tcretry.CallInfo) { o.done = append(o.done, i) },
	})
}

// slots is a rate limiter of somebody else: before gives the slot of each attempt, and
// results are what its ends were reported as.
type slots struct {
	before  func(ctx context.Context, attempt int) error
	waits   int
	results []ratelimit.Result
}

func (s *slots) ForKey(ratelimit.Key) ratelimit.KeyLimiter { return s }

func (s *slots) Wait(ctx context.Context, _ ratelimit.WaitOptions) error {
	s.waits++
	if s.before == nil {
		return nil
	}
	return s.before(ctx, s.waits)
}

func (s *slots) Done(r ratelimit.Result) { s.results = append(s.results, r) }
