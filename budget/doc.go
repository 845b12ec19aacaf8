// Package budget is the retry budget of a [github.com/tcretry/tcretry.Transport]: it limits
// the retries of all calls together, so that they do not multiply the load of a service
// that is down. First attempts are never delayed or refused. Only retries after Transient
// and Ambiguous outcomes need the budget; a throttled or busy response proves that the
// service is up.
//
// [Tokens] is the implementation in memory and is on by default. [Budget] is the interface
// of another one; the conformance suite conformance.TestBudget checks it.
//
// # The token bucket
//
// Each action of a host has a bucket of 50 tokens, full at the start. A retry consumes one.
// A call whose retry succeeds gets back the tokens that it consumed; any other success
// refills half a token; time alone fills an empty bucket in 100 seconds, so a host that is
// called rarely always has tokens. A retry that finds no token is deferred until there is
// one, at most until 5 seconds after the start of its call. Then Acquire returns
// [ErrExhausted], and the call ends with its last response or error.
//
// All actions of a host share twice the capacity, and each may consume as many tokens as
// the others leave it. So one action that always fails takes no retries from the others.
//
// # The circuit
//
// Twelve failures in a row, whichever calls they belong to, open the circuit of an action.
// Failures more than 30 seconds before the last one do not count. While the circuit is
// open, retries are deferred instead of sent. First attempts go on, and the first attempt
// that succeeds closes the circuit: then the deferred retries are released, those with the
// highest number in their call first, otherwise in FIFO order, and each consumes a token.
//
// Some deferred retries are released as probes: one when no attempt of the action ended
// for a second, and, while others try it, one per ten attempts and at least one every three
// seconds. A probe consumes a token if there is one and needs none, so that closing a
// circuit never depends on the retries that it defers.
//
// A host has a circuit too, for failures of several actions; each action contributes at most
// half of the twelve. While it is open, the retries of every action whose last attempt
// failed are deferred.
//
// For 5 seconds after a circuit has closed, few retries are in flight at the same time: 12
// per host at first, more for each retry that succeeds, fewer for each that fails. So the
// retries of an outage do not overload a service that has just recovered.
//
// # Several Transports, several processes
//
// Transports share a budget if they have the same one: see tcretry.WithBudget. Processes do
// not communicate. Each one limits its own retries to a part of its own load, which also
// limits the retries of all of them.
package budget
