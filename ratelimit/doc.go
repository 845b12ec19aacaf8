// Package ratelimit is the client-side rate limiter of a Transport: it says when an
// attempt may start, the first of a call too. [Adaptive] needs no configuration: it
// learns the limit of each key (access host, action and credential) from throttling
// responses, and delays nothing before the first one. [Limiter] and [KeyLimiter] are what
// another one implements, such as that of module tcredis for several processes;
// tctest.TestLimiter checks that it does what it must.
//
// It imports nothing but the standard library, and no Transport.
package ratelimit
