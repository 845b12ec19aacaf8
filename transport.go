package tcretry

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/base"
	"github.com/tcretry/tcretry/ratelimit"
)

// Transport is an http.RoundTripper that repeats calls which failed in passing.
// The zero Transport is ready to use: it consists of defaults and wraps what
// http.DefaultTransport is at its first use, as New(nil) wraps what it is then. It is safe for use from many goroutines and must not be copied.
//
// It reads at most 64 KiB of an answer to find out whether the API reports a
// failure, and hands every byte on. A response is never turned into an error:
// when retries end the caller gets the last response, whole, and a nil error.
type Transport struct {
	base    http.RoundTripper // nil means nilBase
	nilBase base.Default
	settings
	policy    atomic.Pointer[rules] // nil means the zero Policy
	ownBudget budget.Tokens
	ownPacer  ratelimit.Adaptive
}

// New returns a Transport that wraps base. Like regexp.MustCompile it panics when an
// option is not valid, with what [NewTransport] returns.
//
// A nil base means http.DefaultTransport as it is now, so that
// http.DefaultTransport = tcretry.New(nil) works. If that is an *http.Transport, requests to
// the API go through a copy that gives up idle connections after 30 seconds, because the
// API closes them after about 60, and that all Transports share. It is made before
// the first such request: settings that are changed later do not reach it, nor does
// RegisterProtocol. Other requests go through the original.
func New(base http.RoundTripper, opts ...Option) *Transport {
	t, err := NewTransport(base, opts...)
	if err != nil {
		panic(err)
	}
	return t
}

// NewTransport returns a Transport that wraps base; nil means what it means for
// [New]. Its error joins every mistake, each an *OptionError.
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
	t.policy.Store(t.rules)
	return t, nil
}

// RoundTrip makes one call: an attempt, and others as long as they fail in
// passing and the policy, the budget, the context and the request allow. It
// returns the last response, or an error if the last attempt had none. It is
// part of http.RoundTripper, keeps that interface's whole contract and may be
// called from many goroutines.
//
// The error is an [*Error], but for that of an only attempt which was not sent and
// which no retry can help: it is returned unchanged.
//
// The base must not take Request.GetBody for granted: a non-idempotent request
// that net/http by itself would resend, as it does with a GET, is sent without it.
//
// A request that is out of scope, see [WithScope], is passed to the base untouched,
// and so is an attempt of a Transport outside of this one: see [Transport.InScope].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.covers(req) {
		return t.passThrough(req)
	}
	own := wishesOf(req.Context())
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

// CloseIdleConnections closes the idle connections of the base, if it has such a
// method. http.Client.CloseIdleConnections calls it.
func (t *Transport) CloseIdleConnections() {
	if t.base == nil {
		t.nilBase.CloseIdleConnections(t)
	} else if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// SetPolicy replaces the policy for calls that start from now on; those in
// flight keep theirs. It returns what [Policy.Validate] returns, and changes
// nothing unless that is nil. It may be called from any goroutine.
func (t *Transport) SetPolicy(p Policy) error {
	if err := p.Validate(); err != nil {
		return err
	}
	t.policy.Store(p.compile())
	return nil
}

// ContextWithPolicy returns a context whose calls follow p, in place of the
// Transport's policy. A call whose policy is not valid makes no attempt: its
// error tells what [Policy.Validate] says.
func ContextWithPolicy(ctx context.Context, p Policy) context.Context {
	own := wishesOf(ctx)
	own.rules, own.err = nil, p.Validate()
	if own.err == nil {
		own.rules = p.compile()
	}
	return context.WithValue(ctx, wishesKey{}, own)
}

// currentRules are the rules of calls that start now and have no own ones.
func (t *Transport) currentRules() *rules {
	if r := t.policy.Load(); r != nil {
		return r
	}
	return defaultRules()
}

// wrapped is the base as requests to the API use it.
func (t *Transport) wrapped() http.RoundTripper {
	if t.base == nil {
		return t.nilBase.API(t)
	}
	return t.base
}

// plain is the base as all other requests use it.
func (t *Transport) plain() http.RoundTripper {
	if t.base == nil {
		return t.nilBase.Other(t)
	}
	return t.base
}

// RateLimits returns the state of the Transport's rate limiter for every key, if it is a
// [ratelimit.Adaptive] or another with its method States; nil otherwise. It is for a page
// that a person reads, or a scrape, and may be called from any goroutine.
func (t *Transport) RateLimits() []ratelimit.State {
	if p, ok := t.pacerOf().(interface{ States() []ratelimit.State }); ok {
		return p.States()
	}
	return nil
}

// Budgets returns the state of the Transport's retry budget for every host, if it is a
// [budget.Tokens] or another with its method States; nil otherwise. It is for a page
// that a person reads, or a scrape, and may be called from any goroutine.
func (t *Transport) Budgets() []budget.HostState {
	if b, ok := t.budgetOf().(interface{ States() []budget.HostState }); ok {
		return b.States()
	}
	return nil
}

// pacerOf returns the pacer of the calls, nil if they have none.
func (t *Transport) pacerOf() ratelimit.Limiter {
	switch {
	case t.unpaced:
		return nil
	case t.pacer == nil:
		return &t.ownPacer
	}
	return t.pacer
}

// budgetOf returns the budget of the calls, nil if they have none.
func (t *Transport) budgetOf() budget.Budget {
	switch {
	case t.unbudgeted:
		return nil
	case t.budget == nil:
		return &t.ownBudget
	}
	return t.budget
}
