// Package tcretry is an http.RoundTripper for programs that call Tencent Cloud
// API 3.0. The API reports failures with HTTP status 200 and an envelope in the body,
// so other retry libraries see success. This one decodes the envelope, classifies every
// error code, and retries the retryable ones with backoff and rate limiting:
//
//	client := &http.Client{Transport: tcretry.New(nil)}
//
// It never retries a non-idempotent request whose outcome is unknown. It handles
// requests to the API only: those to an API host, with an X-TC-Action header, with a
// TC3 credential scope or with signed v1 parameters, see [IsAPIRequest] and
// [WithScope]. All others are passed through unchanged.
//
// # A call
//
// A call is one RoundTrip as the caller sees it. It makes attempts, each one request
// through the underlying RoundTripper, until one of them ends it:
//
//	http.Client ── RoundTrip ──────────────────────────────────────► response, error
//	                  │                                                     ▲
//	                  ▼                                                     │
//	             rate limiter  waits while the limit of the key is reached  │
//	                  ▼                                                     │
//	        ┌─► attempt    underlying RoundTripper, then peek at the body   │
//	        │   classify   Outcome ─► Class: by code, status or error       │
//	        │   decide     a StopReason, or a delay                         │
//	        │       ├─ stop ─► Hooks.CallDone ──────────────────────────────┘
//	        │       ▼
//	        └── retry      retry budget ─► backoff ─► rate limiter
//
// The result of an attempt is an [Outcome]: the response, the [APIError] in it, or the
// error. Each outcome has a [Class]: [Success]; [Terminal], which no retry helps; or one
// of four that are retryable: [Throttled], [Busy], [Transient] and [Ambiguous]. A request
// whose outcome is Ambiguous may have been executed: it is retried only if it is
// idempotent, see [Idempotent]. A [Classifier] can replace the class.
//
// A [Policy] limits the call: 4 attempts, 2 minutes and delays of at most 30 seconds by
// default. A [Rule] sets the class, the limits and the backoff of an error code. A
// [budget.Budget] limits the retries of all calls together; a zero [budget.Tokens] is
// the default and has no effect until attempts fail. A [ratelimit.Limiter] delays
// attempts; a zero [ratelimit.Adaptive] is the default and delays nothing until the API
// returns a throttling response. [Hooks] are called for every attempt, retry and call,
// with the [StopReason]; [LogHooks] writes them to a log.
//
// # What the caller gets
//
// The last response, every byte of it, and a nil error: a response is never turned into
// an error. A call without a response returns an [*Error], which has the number of
// attempts, the stop reason, and whether the request may have been executed. The request
// is not modified, its body is closed exactly once, and at most 64 KiB of a response are
// read to find an error; event streams and downloads are returned before their first
// byte.
//
// # How a call ends
//
//	ending                                                returns              StopReason        errors.Is
//	success                                               response             success
//	terminal API error or HTTP status                     response             terminal
//	no more retries, and the last attempt had a response  response             max_attempts
//	5xx, 408 or 425 of a gateway, not idempotent          response             not_idempotent
//	body of the response cut short                        response, cut short  not_idempotent
//	connection lost after it was sent, not idempotent     *Error               not_idempotent    ErrOutcomeUnknown
//	connection lost after it was sent, no more retries    *Error               max_attempts      ErrOutcomeUnknown
//	WithAttemptTimeout, not idempotent                    *Error               not_idempotent    ErrOutcomeUnknown, context.DeadlineExceeded
//	never sent (DNS, connect, TLS), no more retries       *Error               max_attempts
//	not sent and no retry can help, at the first attempt  the error unchanged  terminal
//	not sent and no retry can help, later                 *Error               terminal
//	body of the request not replayable                    *Error               not_replayable
//	Policy.MaxElapsed                                     *Error               max_elapsed
//	signature too old for a retry                         *Error               signature_expired
//	retry budget exhausted                                *Error               budget_exhausted
//	rate-limiter wait would exceed the deadline           *Error               deadline_exceeded ratelimit.ErrTooLate, context.DeadlineExceeded
//	retry would start after the deadline                  *Error               deadline_exceeded context.DeadlineExceeded
//	deadline passes in an attempt                         *Error               deadline_exceeded context.DeadlineExceeded, ErrOutcomeUnknown
//	http.Client.Timeout                                   *url.Error           deadline_exceeded context.DeadlineExceeded
//	canceled in an attempt                                *Error               canceled          context.Canceled, the cause, ErrOutcomeUnknown
//	canceled in a wait                                    *Error               canceled          context.Canceled, the cause
//	Request.Cancel                                        *Error               canceled          context.Canceled
//	ContextWithPolicy with an invalid policy              *Error               terminal
//
// errors.Is and errors.As also find the error of the underlying RoundTripper in every
// [*Error]: io.EOF, a *net.OpError. If a call ends in a wait, they find the error of its
// last attempt as well. A response that leaves the outcome unknown, such as that of a
// gateway, is reported by CallInfo.OutcomeUnknown to [Hooks] and to a [Trace]. These also
// have what http.Client, at its Timeout, and the official SDK reduce to text.
//
// # Where it sits
//
// Outside of what is done once per attempt (signing, tracing of requests), inside of what
// is done once per call:
//
//	http.Client → tcretry → signing → otelhttp or promhttp → http.Transport
//
// A signature that is made outside is as old as the call: it is not sent any more once
// the API would reject its age, which is five minutes. With a [Signer] inside, which signs
// each attempt, the signature from outside is not sent and sets no limit.
//
// # Related packages
//
// Package ratelimit is the rate limiter, package budget the retry budget, package label a
// limit for the values of a metric's label. Package tc3 signs each attempt; package
// tctest is a fake of the API for tests, and tctest/conformance checks implementations of
// the interfaces. Package proxy makes the calls of programs in other languages, and command
// tcretry explains codes, checks policies and runs that proxy. Modules of their own are
// tcsdk, which puts one Transport under many clients of the official SDK, tcprom, metrics
// for Prometheus, tcotel, spans and metrics for OpenTelemetry, and tcredis, a rate limiter
// that shares a limit across processes through Redis.
package tcretry
