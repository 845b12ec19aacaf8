package ratelimit

import (
	"context"
	"errors"
	"time"
)

// ErrTooLate is the error of [KeyLimiter.Wait] when an attempt could start only after
// [WaitOptions].NotAfter.
var ErrTooLate = errors.New("tcretry: rate limiter wait would exceed the deadline")

// Key is the rate-limit key: what the API counts requests by, which is the access host
// (where the request is sent, not X-TC-Region), the action and the sub-account.
// Source: cloud.tencent.com/document/product/1278/109059.
type Key struct {
	// Host is the access host, such as "cvm.tencentcloudapi.com".
	Host string
	// Action is the API action; "" if the request has none.
	Action string
	// Credential is the id of the credential (SecretId), never its secret key; "" when
	// the request is signed inside the Transport.
	Credential string
}

// A Limiter is a client-side rate limiter: it delays attempts, the first one of a call
// included. It must be safe for use from many goroutines. If it has a method
// States() []State, tcretry.Transport.RateLimits returns the result. The conformance suite
// conformance.TestLimiter checks an implementation.
type Limiter interface {
	// ForKey returns the limiter of a key, and creates it if there is none. It is called
	// once per call, so it must be cheap. The strings of the key may be parts of the
	// request: a Limiter that stores them clones them.
	ForKey(Key) KeyLimiter
}

// A KeyLimiter limits the attempts of one key. It must be safe for use from many
// goroutines. If it has a method State() State, hooks receive the result, see
// tcretry.AttemptInfo.
type KeyLimiter interface {
	// Wait blocks until the attempt may start and returns nil; then Done is called
	// exactly once. Waiting calls are released in FIFO order, those whose last attempt
	// was throttled first. Wait returns ErrTooLate immediately, and not after the wait,
	// when the attempt could start only after o.NotAfter. It returns the cause of the
	// context when ctx ends. After an error Done is not called.
	//
	// ctx ends when Request.Cancel of the call is closed, too, which http.Client.Timeout
	// sets. A Transport needs a goroutine for that, which ends with Wait; the wait for an
	// [Adaptive] takes none.
	Wait(ctx context.Context, o WaitOptions) error
	// Done reports the result of an attempt that Wait permitted.
	Done(Result)
}

// WaitOptions describe one wait. The zero value is the first attempt of a call that may
// start at any time. More fields may be added.
type WaitOptions struct {
	// AfterThrottle reports that the previous attempt of the call was throttled.
	AfterThrottle bool
	// NotAfter is the latest time at which the attempt may start; zero means any time.
	NotAfter time.Time
}

// Result is the end of an attempt, as far as it concerns a rate limit. More fields may be
// added.
type Result struct {
	// Verdict reports whether the rate limit admitted the attempt.
	Verdict Verdict
	// Code is the error code of a throttling response; "" for HTTP 429.
	Code string
	// Count and Limit are the two numbers in the message of a throttling response: the
	// current count and the limit, both per second. They are 0 if the message has none.
	Count, Limit int
}

// Verdict is what the end of an attempt shows of the rate limit.
type Verdict uint8

const (
	// Unknown: nothing, for example because the connection failed.
	Unknown Verdict = iota
	// Accepted: the rate limit admitted the attempt, whatever its outcome.
	Accepted
	// Throttled: the attempt exceeded the rate limit.
	Throttled
)
