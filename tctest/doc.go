// Package tctest is a fake of Tencent Cloud API 3.0 for tests, and the kits that
// check implementations of tcretry's interfaces.
//
// # The API
//
// An [API] answers attempts as the real one does: it finds the action wherever
// the request carries it, executes or refuses, and keeps a record. What it
// answers is a script of [Answer] values, one an attempt:
//
//	api := tctest.NewAPI()
//	api.Script("RunInstances",
//		tctest.Throttle(),
//		tctest.DropAfter(),
//		tctest.OK(map[string]any{"InstanceIdSet": []string{"ins-1"}}))
//
// After its script an action is answered with an empty success, or with what
// [API.Default] says. [API.Quota] rejects what is over a number of attempts a
// second, [API.CheckSignatures] what is not signed, [API.KnownActions] what is
// malformed.
//
// The same API is reached in three ways:
//
//   - in memory: an API is an [http.RoundTripper], the base of the transport
//     under test. Nothing leaves the process and all waiting is done by timers,
//     so that it runs inside a testing/synctest bubble. Its errors, its
//     httptrace events and its care for bodies and contexts are those of
//     [http.Transport];
//   - over pipes: [API.PipeTransport] is a real http.Transport that talks to a
//     real http.Server without a socket, also inside a bubble;
//   - over a socket: [API.Start], [API.StartTLS] and [API.Serve] listen on the
//     loopback interface.
//
// # Executions
//
// What matters when a call is repeated is not how often it was sent but how
// often it was executed. [API.Executions] counts that: an attempt that was
// dropped after execution counts, a throttled one does not, and one whose
// ClientToken was executed before is answered with the first result and does
// not count again.
//
// # The kits
//
// [TestRoundTripper] checks any wrapper of an [http.RoundTripper] against the
// contract of that interface, clause by clause. [TestLimiter] and [TestBudget] check
// a Pacer and a Budget of your own, in virtual time; [TestLimiterLive] and
// [TestBudgetLive] those that reach for a network.
package tctest
