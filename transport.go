package tcretry

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/base"
	"github.com/tcretry/tcretry/ratelimit"
)

// Transport is an http.RoundTripper that retries calls to the Tencent Cloud API which
// failed with a retryable error. The zero Transport is ready to use: it has the
// defaults of all options and wraps http.DefaultTransport as it is at the first call.
// It is safe for use from many goroutines and must not be copied.
//
// It peeks at up to 64 KiB of a response to find an error of the API; the caller gets
// the response unchanged, every byte. A response is never turned into an error: when
// no retry follows, the caller gets the last response and a nil error.
//
// The steps of a call are methods of call, one file each, in this order: request.go,
// pacing.go, attempt.go, classify.go, decide.go, hooks.go.
type Transport struct {
	base    http.RoundTripper // nil means nilBase
	nilBase base.Default
	settings
	policy         atomic.Pointer[rules] // nil means the zero Policy
	limited        atomic.Bool           // the policy has limits
	ownBudget      budget.Tokens
	ownRateLimiter ratelimit.Adaptive
}

// New returns a Transport that wraps base. Like regexp.MustCompile it panics if an
// option is not valid, with the error that [NewTransport] returns.
//
// A nil base means http.DefaultTransport as it is now, so that
// http.DefaultTransport = tcretry.New(nil) works. If that is an *http.Transport, requests to
// the API go through a copy of it that closes idle connections after 30 seconds, because
// the API closes them after about 60. All Transports share the copy. It is made before
// the first such request: later changes of the original, RegisterProtocol among them, do
// not reach it. Other requests go through the original.
func New(base http.RoundTripper, opts ...Option) *Transport {
	t, err := NewTransport(base, opts...)
	if err != nil {
		panic(err)
	}
	return t
}

// NewTransport returns a Transport that wraps base; nil means the same as for
// [New]. Its error joins all invalid options, each an *OptionError.
func NewTransport(base http.RoundTripper, opts ...Option) (*Transport, error) {
	t := &Transport{base: base}
	var errs []error
	for _, o := range opts {
		if o == nil {
			errs = append(errs, &OptionError{Option: "Option", Value: o, Reason: "it is nil"})
			continue
		}
		errs = append(errs, o.apply(&t.settings))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if base == nil {
		t.nilBase.Take()
	}
	if err := t.setLimits(t.limits); err != nil {
		return nil, &OptionError{Option: "WithPolicy", Value: "Limits", Reason: "they cannot be applied", Err: err}
	}
	t.policy.Store(t.rules)
	return t, nil
}

// RoundTrip makes one call: a first attempt, and retries while the attempts fail with
// retryable errors and the policy, the retry budget, the context and the request allow
// them. It returns the last response, or an error if the last attempt had none. It
// keeps the whole contract of http.RoundTripper and may be called from many goroutines.
//
// The error is an [*Error], except if the only attempt was not sent and no retry can
// help: then the error of the underlying RoundTripper is returned unchanged.
//
// The underlying RoundTripper must not require Request.GetBody: a non-idempotent request
// that net/http by itself would resend, as it does with a GET, is sent without it.
//
// A request that is out of scope, see [WithScope], is passed through unchanged, and so
// is an attempt of a Transport outside of this one: see [Transport.InScope].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.covers(req) {
		return t.passThrough(req)
	}
	own := callSettingsOf(req.Context())
	if own.isAttempt(req) {
		return t.wrapped().RoundTrip(req)
	}
	var c call
	c.init(t, req, own)
	reason := c.begin()
	for reason == 0 {
		c.attempt()
		var next plan
		if next, reason = c.decide(); reason == 0 {
			c.attemptDone()
			reason = c.pause(next)
		} else {
			c.attemptDone()
		}
	}
	return c.finish(reason)
}

// CloseIdleConnections closes the idle connections of the underlying RoundTripper, if it
// has such a method. http.Client.CloseIdleConnections calls it.
func (t *Transport) CloseIdleConnections() {
	if t.base == nil {
		t.nilBase.CloseIdleConnections(t)
	} else if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// SetPolicy replaces the policy for calls that start from now on; calls in
// progress keep theirs. It returns the error of [Policy.Validate], and changes
// nothing if there is one. It may be called from any goroutine.
func (t *Transport) SetPolicy(p Policy) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if err := t.setLimits(maps.Clone(p.Limits)); err != nil {
		return err
	}
	t.policy.Store(p.compile())
	return nil
}

// ContextWithPolicy returns a context whose calls use p instead of the
// policy of the Transport. If p is not valid, these calls make no attempt and return
// the error of [Policy.Validate].
func ContextWithPolicy(ctx context.Context, p Policy) context.Context {
	own := callSettingsOf(ctx)
	own.rules, own.err = nil, p.Validate()
	if own.err == nil && len(p.Limits) > 0 {
		own.err = &PolicyError{Path: "Limits", Reason: "they concern a Transport: use WithPolicy or SetPolicy"}
	}
	if own.err == nil {
		own.rules = p.compile()
	}
	return context.WithValue(ctx, callSettingsKey{}, own)
}

// currentRules are the rules of calls that start now and have none of their own.
func (t *Transport) currentRules() *rules {
	if r := t.policy.Load(); r != nil {
		return r
	}
	return defaultRules()
}

// wrapped is the underlying RoundTripper for requests to the API.
func (t *Transport) wrapped() http.RoundTripper {
	if t.base == nil {
		return t.nilBase.API(t)
	}
	return t.base
}

// plain is the underlying RoundTripper for all other requests.
func (t *Transport) plain() http.RoundTripper {
	if t.base == nil {
		return t.nilBase.Other(t)
	}
	return t.base
}

// RateLimits returns the state of the Transport's rate limiter for every key, if it is a
// [ratelimit.Adaptive] or another with its method States; nil otherwise. It is for status
// pages and scrapes, and may be called from any goroutine.
func (t *Transport) RateLimits() []ratelimit.State {
	if p, ok := t.activeRateLimiter().(interface{ States() []ratelimit.State }); ok {
		return p.States()
	}
	return nil
}

// Budgets returns the state of the Transport's retry budget for every host, if it is a
// [budget.Tokens] or another with its method States; nil otherwise. It is for status
// pages and scrapes, and may be called from any goroutine.
func (t *Transport) Budgets() []budget.HostState {
	if b, ok := t.activeBudget().(interface{ States() []budget.HostState }); ok {
		return b.States()
	}
	return nil
}

// activeRateLimiter returns the rate limiter of the calls, nil if they have none.
func (t *Transport) activeRateLimiter() ratelimit.Limiter {
	switch {
	case t.noRateLimiter:
		return nil
	case t.rateLimiter == nil:
		return &t.ownRateLimiter
	}
	return t.rateLimiter
}

// activeBudget returns the retry budget of the calls, nil if they have none.
func (t *Transport) activeBudget() budget.Budget {
	switch {
	case t.noBudget:
		return nil
	case t.budget == nil:
		return &t.ownBudget
	}
	return t.budget
}
