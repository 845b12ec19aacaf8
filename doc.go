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
// An attempt leads to an [Outcome]: the answer, the [Envelope] in it or the error.
// A [Classifier] tells its [Class]: a [Success], or [Terminal], or one of four
// that pass: [Throttled], [Busy], [Transient] and [Ambiguous]. The last one may
// have been executed; it is repeated only if that is harmless, see [Idempotent].
//
// A [Policy] bounds the call: 4 attempts, 2 minutes and delays of at most 30
// seconds by default, and a [Rule] for any code. A [Budget] bounds the retries of
// all calls together; a [TokenBudget] is on by default, in memory, and does nothing
// until attempts fail. A [Pacer] says when an attempt may start; an
// [AdaptivePacer] is on by default and delays nothing until the API refuses one
// for its rate. [Hooks] are told of every attempt, retry and call, with the
// [StopReason] it ended for; [LogHooks] writes them to a log.
//
// # What the caller gets
//
// The last response, every byte of it, and a nil error: a response is never
// turned into an error. A call without a response returns the error of its only
// attempt as it came from the base, or an [*Error] that tells why it ended. The
// request is not modified, its body is closed exactly once, and at most 64 KiB of
// an answer are read to look for a failure; event streams and downloads are
// handed on before their first byte.
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
