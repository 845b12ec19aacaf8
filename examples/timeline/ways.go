package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tcretry/tcretry"
)

// newSides makes the two ways to make the calls: the SDK's own retries, and none
// of them over tcretry.
func newSides() []*side {
	without := &side{
		name: "without tcretry", api: newAPI(), retries: retries,
		title: fmt.Sprintf("Without tcretry: the official SDK, its own %d retries turned on", retries),
	}
	without.wrap = func(base http.RoundTripper) http.RoundTripper { return watched{base, without} }
	with := &side{
		name: "with tcretry", api: newAPI(),
		title: "With tcretry: the same SDK over tcretry.New(nil), without a configured rate limit",
	}
	with.wrap = func(base http.RoundTripper) http.RoundTripper {
		return tcretry.New(base, tcretry.WithHooks(tcretry.Hooks{
			AttemptDone: func(ctx context.Context, i tcretry.AttemptInfo) { with.attemptDone(ctx, i.Class) },
		}))
	}
	return []*side{without, with}
}

// watched is a RoundTripper that records attempts for the side without hooks.
type watched struct {
	base http.RoundTripper
	side *side
}

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(req)
	out := tcretry.Outcome{Request: req, Response: resp, Err: err, MaybeSent: true}
	errors.As(tcretry.CheckResponse(resp), &out.APIError)
	w.side.attemptDone(req.Context(), tcretry.DefaultClassifier().Classify(out))
	return resp, err
}

// number is the context key of the number of a call, which its attempts carry.
type number struct{}

func withNumber(n int) context.Context { return context.WithValue(context.Background(), number{}, n) }

func (s *side) attemptDone(ctx context.Context, class tcretry.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.calls[ctx.Value(number{}).(int)]
	c.attempts = append(c.attempts, attempt{time.Since(s.zero), class})
}

func (s *side) callDone(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[n].end, s.calls[n].failed = time.Since(s.zero), err != nil
}
