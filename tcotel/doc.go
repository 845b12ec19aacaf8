// Package tcotel instruments tcretry with OpenTelemetry spans and metrics.
//
//	client := &http.Client{Transport: tcotel.New(nil, tcotel.Config{})}
//
// It replaces [tcretry.New], takes the same underlying RoundTripper and options, and
// needs the API of OpenTelemetry only. Without a provider it costs next to
// nothing; providers may be registered after a Transport was made.
//
// # Spans
//
// One span per call, and one per attempt below it. otelhttp may be outside and inside:
//
//	otelhttp outside      HTTP POST
//	the call             cvm/RunInstances       stop_reason, attempts, waits
//	  an attempt           attempt              class, code, request id
//	    otelhttp inside      HTTP POST
//	  a retry              (an event: class, code, delay)
//	  another attempt      attempt              http.request.resend_count = 1
//	    otelhttp inside      HTTP POST
//
// The span of the call is a client span of the conventions for RPC, that of an
// attempt an internal one, so that a graph of services counts the HTTP request
// once. Both end when the response has been classified, before the caller reads its
// body; a panic of the underlying RoundTripper ends them too. The hooks of the caller's options
// run with the span of the call in their context.
//
// A failure sets the status to Error, with the API's message, or the text of
// the error without an address in it, as the description, and error.type:
//
//   - the API's code, on a metric its family ("InternalError.Db" counts as
//     "InternalError")
//   - "timeout" or "canceled", when a deadline or the caller ended it
//   - the HTTP status, from 400 on, of a response without a code
//   - "transient" if the request was never sent, "ambiguous" if it may have been
//     executed
//   - the stop reason, for a call that ended before its first attempt
//   - "panic"
//
// # Metrics
//
//	tcretry.calls             {call}     rpc.method, tcretry.stop_reason, error.type
//	tcretry.attempts          {attempt}  rpc.method, tcretry.class, error.type
//	tcretry.retries           {retry}    rpc.method, tcretry.class, error.type
//	rpc.client.call.duration  s          as tcretry.calls
//	tcretry.attempt.duration  s          as tcretry.attempts
//	tcretry.wait.duration     s          rpc.method, tcretry.wait.kind: backoff, budget or rate_limit
//
// Each has rpc.system.name too. Names and values are those of the semantic
// conventions 1.43.0 (opentelemetry.io/docs/specs/semconv/rpc and …/http); what
// these have no name for begins with "tcretry." or "tencentcloud.".
package tcotel
