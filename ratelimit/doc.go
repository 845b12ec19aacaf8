// Package ratelimit is the adaptive client-side rate limiter of a
// [github.com/tcretry/tcretry.Transport]: it delays attempts, the first one of a call
// included, so that they keep the rate limit of the API. The API counts requests per
// second for each access host, action and sub-account ([Key]), counts throttled requests
// too, and sends no Retry-After.
//
// [Adaptive] is the implementation in memory; it is on by default and needs no
// configuration. [Limiter] and [KeyLimiter] are the interfaces of another one, such as
// that of module tcredis, which shares a limit across processes. The conformance suite
// conformance.TestLimiter checks an implementation.
//
// # What Adaptive learns, and from what
//
// Each key has a mode ([Mode]). Only responses change it:
//
//   - [Open], the first mode: nothing was throttled, and no attempt waits. If the only
//     attempt of the last second is throttled, the key stays open and is deferred by at
//     most half a second, at random, once.
//   - [Own]: a throttling response states the limit L and the current count N, and this
//     process sent at least 80 % of N within the last second. So no other process seems
//     to use the limit. At most L attempts start in any sliding window of one second and
//     a guard of up to 60 ms, which absorbs the jitter of the network.
//   - [Shared]: N is more than this process sent, or the response has no numbers. Others
//     use the limit, or it is not known. Attempts are spaced evenly, at a rate.
//
// In Own mode a throttling response pauses the key for 25 ms, doubled by each further one
// in a row up to 0.8 s. One that the attempts of this process do not explain widens the
// guard, which shrinks again with time; unexplained ones in six seconds out of ten, or in
// the first second of the mode, change it to Shared. While the limit is fully used, one
// attempt beyond it probes whether the limit was raised: after a second at first, then at
// growing intervals of up to 12 s, or of 60 attempts where the limit is below 5 per
// second. A probe that is accepted raises the limit by one and is followed by the next;
// one that is not ends the series.
//
// In Shared mode the rate starts at the part L/N of the attempts of the last second, or at
// the rate that was accepted if there are no numbers. A throttling response multiplies the
// rate by L/N, or by 0.9 without numbers, at most once per second, and defers the next
// attempt by a random time of up to half a second, further ones in a row by twice as long
// each. The interval of two attempts becomes no longer than a second, or a quarter of the
// time that the congestion has lasted, and 8 s at most. The rate grows by 0.08 per second. When nothing was
// throttled for three times the mean interval of throttling responses (0.4 s at least, 16 s
// at most), others have probably left, and the rate explores: each accepted attempt raises
// it, by six tenths at most, up to L, as in the slow start of TCP (RFC 5681). A throttling
// response ends that, and the rate is again the one before, or what was accepted in the
// last second if that is more; the next exploration then waits longer. At L for a second
// the key is Own again, and without a known L it is Open again at 1000 per second. When
// nothing was throttled for 8 s, and for half as long as the congestion lasted, the next
// attempt that is accepted ends Shared mode immediately.
//
// # When it delays, and when it fails a call
//
// Waiting calls of a key form one FIFO queue; a call whose last attempt was throttled goes
// to its head. A wait ends with [ErrTooLate] immediately, and not after the wait, when the
// attempt could not start before [WaitOptions].NotAfter even if all of the limit were
// available from now on. A rate that was cut is an estimate, so it fails no call. A call
// that is canceled leaves the queue, and its slot goes to the next one.
//
// # Several keys, several processes
//
// Three codes concern more than one key: RequestLimitExceeded.UinLimitExceeded all actions
// of an account at one host, RequestLimitExceeded.GlobalRegionUinLimitExceeded at all
// hosts, and RequestLimitExceeded.IPLimitExceeded everything that this process sends. They
// create a second limiter that the attempts of all these keys must pass as well; its slots
// go round robin to the keys that wait. It expires a minute after its last throttling
// response.
//
// Processes that share a limit do not communicate. Each one detects the others by their
// part of N and limits itself in Shared mode. Every rate gains the same amount per
// second while it recovers, so the rates of the processes converge; random pauses keep the
// processes from sending their next attempts together. Module tcredis does better: it
// reserves attempts in a Redis.
package ratelimit
