// Package tcretry is an http.RoundTripper for programs that call Tencent Cloud
// API 3.0. That API answers a failed call with HTTP status 200 and an envelope in
// the body, so other retry libraries see success. This one reads the envelope,
// knows which failures pass, and repeats only those:
//
//	client := &http.Client{Transport: tcretry.New(nil)}
//
// It touches requests to the API and no others: those to an API host, with an
// X-TC-Action header, with a TC3 credential scope or with signed v1 parameters, see
// [IsAPIRequest] and [WithScope]. Everything else passes through untouched.
//
// # A call
//
// A call is one RoundTrip as the caller sees it. It makes attempts, trips
// through the base, until one of them ends it:
//
//	http.Client ── RoundTrip ──────────────────────────────────────► response, error
//	                  │                                                     ▲
//	                  ▼                                                     │
//	        ┌─► attempt    body ─► Pacer ─► base ─► peek ─► Outcome         │
//	        │   classify   code ─► family ─► status ─► error: Class         │
//	        │   decide     a StopReason, or a delay                         │
//	        │       ├─ stop ─► Hooks.CallDone ──────────────────────────────┘
//	        │       ▼
//	        └── retry      Budget ─► Hooks.RetryScheduled ─► wait
//
// An attempt leads to an [Outcome]: the answer, the [APIError] in it or the error.
// A [Classifier] tells its [Class]: a [Success], or [Terminal], or one of four
// that pass: [Throttled], [Busy], [Transient] and [Ambiguous]. The last one may
// have been executed; it is repeated only if that is harmless, see [Idempotent].
//
// A [Policy] bounds the call: 4 attempts, 2 minutes and delays of at most 30
// seconds by default, and a [Rule] for any code, which may ask for more or less.
// A [budget.Budget] bounds the retries of all calls together; a [budget.Tokens] is on by
// default, in memory, and does nothing until attempts fail. A [ratelimit.Limiter] says when
// an attempt may start; an [ratelimit.Adaptive] is on by default and delays nothing
// until the API refuses one for its rate. [Hooks] are told of every attempt,
// retry and call, with the [StopReason] it ended for; [LogHooks] writes them to a
// log.
//
// # What the caller gets
//
// The last response, every byte of it, and a nil error: a response is never
// turned into an error. A call without a response returns an [*Error], which says
// how many attempts were made, why no other followed, and whether the request may
// have been executed. The request is not modified, its body is closed exactly once,
// and at most 64 KiB of an answer are read to look for a failure; event streams and
// downloads are handed on before their first byte.
//
// # How a call ends
//
//	ending                                                returns              StopReason         errors.Is
//	success                                               response             success
//	terminal API error or HTTP status                     response             terminal
//	no more retries, and the last attempt had a response  response             max_attempts
//	502, 503, 504, 408 or 425, not idempotent             response             not_idempotent
//	body of the response cut short                        response, cut short  not_idempotent
//	connection lost after it was sent, not idempotent     *Error               not_idempotent     ErrOutcomeUnknown
//	connection lost after it was sent, no more retries    *Error               max_attempts       ErrOutcomeUnknown
//	WithAttemptTimeout, not idempotent                    *Error               not_idempotent     ErrOutcomeUnknown, context.DeadlineExceeded
//	never sent (DNS, connect, TLS), no more retries       *Error               max_attempts
//	not sent and no retry can help, at the first attempt  the error unchanged  terminal
//	not sent and no retry can help, later                 *Error               terminal
//	body of the request not replayable                    *Error               not_replayable
//	Policy.MaxElapsed                                     *Error               max_elapsed
//	signature too old for a retry                         *Error               signature_expired
//	retry budget exhausted                                *Error               budget_exhausted
//	rate-limiter wait would exceed the deadline           *Error               deadline_exceeded  ratelimit.ErrTooLate, context.DeadlineExceeded
//	retry would start after the deadline                  *Error               deadline_exceeded  context.DeadlineExceeded
//	deadline passes in an attempt                         *Error               deadline_exceeded  context.DeadlineExceeded, ErrOutcomeUnknown
//	http.Client.Timeout                                   *url.Error           deadline_exceeded  context.DeadlineExceeded
//	canceled in an attempt                                *Error               canceled           context.Canceled, the cause, ErrOutcomeUnknown
//	canceled in a wait                                    *Error               canceled           context.Canceled, the cause
//	Request.Cancel                                        *Error               canceled           context.Canceled
//	ContextWithPolicy with an invalid policy              *Error               terminal
//
// errors.Is and errors.As also find what the underlying RoundTripper returned, in
// every [*Error]: io.EOF, a *net.OpError. Of a call that ends in a wait the error of
// its last attempt is found as well. A response that leaves the outcome unknown, as
// that of a gateway does, is reported by CallInfo.OutcomeUnknown: to [Hooks] and to
// a [Trace], which also tell what http.Client, at its Timeout, and the official SDK
// reduce to text.
//
// # Where it sits
//
// Outside of what is done once an attempt (signing, tracing of requests), inside
// of what is done once a call:
//
//	http.Client → tcretry → signing → otelhttp or promhttp → http.Transport
//
// A signature that is made above is as old as the call: it is not sent again once
// the API would refuse its age, which is five minutes. Above a base that signs
// each attempt itself, a [Signer], it is not sent at all, and sets no limit.
//
// # Around it
//
// Package tc3 signs each attempt, as the base; package tctest is a fake of the API
// for tests. Modules of their own are tcprom, metrics for Prometheus, tcotel, spans
// and metrics for OpenTelemetry, and tcredis, a pacer for processes that share a
// quota.
package tcretry
