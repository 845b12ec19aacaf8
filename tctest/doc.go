// Package tctest is a fake of Tencent Cloud API 3.0 for tests. It imports the standard
// library only. Conformance suites for implementations of tcretry's interfaces are in
// package tctest/conformance.
//
// # Responses
//
// An [API] responds to attempts as the real one does: it finds the action wherever
// the request carries it, executes it or rejects it, and records the attempt. Its
// script is a list of [Reply] values, one per attempt:
//
//	api := tctest.NewAPI()
//	api.Script("RunInstances",
//		tctest.Throttle(),
//		tctest.DropAfterExecution(),
//		tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}}))
//
// After its script an action gets an empty success, or the reply that [API.Default]
// sets. [API.RateLimit] throttles attempts over a number per second,
// [API.CheckSignatures] rejects requests with a wrong signature, [API.KnownActions]
// malformed requests.
//
// # Transports
//
// The same API is reached in three ways:
//
//   - in memory: an API is an [http.RoundTripper], the one below the transport
//     under test. Nothing leaves the process, and timers do all waiting, so it
//     runs inside a testing/synctest bubble. It returns the errors, fires the
//     httptrace events and treats bodies and contexts as [http.Transport] does;
//   - over pipes: [API.PipeTransport] is a real http.Transport that is connected to
//     a real http.Server without a socket, also inside a bubble;
//   - over a socket: [API.Start], [API.StartTLS] and [API.Serve] listen on the
//     loopback interface.
//
// # Executions
//
// A test of retries asserts how often a request was executed rather than how often it
// was sent. [API.Executions] counts that: an attempt that was dropped after execution
// counts, a throttled attempt does not, and an attempt whose ClientToken was executed
// before gets the first result and does not count again.
package tctest
