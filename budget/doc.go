// Package budget is the retry budget of a Transport: it limits the retries of all calls
// together, so that they do not multiply the load of a service that is down. [Tokens] is
// one in memory, a bucket of tokens and a circuit for each action of a host. [Budget] is
// what another one implements; tctest.TestBudget checks that it does what it must.
//
// It imports nothing but the standard library, and no Transport.
package budget
