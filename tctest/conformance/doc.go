// Package conformance holds suites that check implementations of the interfaces
// around tcretry. Each is one call in a test of yours:
//
//   - [TestRoundTripper] checks any wrapper of an [http.RoundTripper] against the
//     contract of that interface;
//   - [TestLimiter] checks a [ratelimit.Limiter];
//   - [TestBudget] checks a [budget.Budget].
//
// Every requirement is a subtest, whose failure explains the requirement. All three run
// in virtual time, in bubbles of testing/synctest. [TestLimiterLive] and
// [TestBudgetLive] check in real time what reaches for a network.
package conformance
