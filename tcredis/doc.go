// Package tcredis shares the rate limit of the API across processes through Redis:
// processes that use the same account reserve their attempts there, and together keep the
// limit as if they were one process.
//
//	limiter, err := tcredis.New(redis.NewClient(&redis.Options{Addr: "redis:6379"}))
//	client := &http.Client{Transport: tcretry.New(nil, tcretry.WithRateLimiter(limiter))}
//
// Without it each process learns the limit from throttling responses and detects the others
// by their load: see [github.com/tcretry/tcretry/ratelimit]. That works too, with more
// throttled attempts.
//
// # How it works, and what it costs
//
// While the limit of a key is not known, no attempt waits for Redis and nothing is written
// there. One read per key, concurrent with the calls, finds out what other processes have
// learned. The first process whose throttling response states the limit writes it.
//
// From then on every attempt is reserved: one command reserves a start time for all waiting
// calls that may start immediately, and for two that may not yet. Redis keeps the
// reservations of the last second and never reserves more than the limit in one second. So
// below the limit a call takes one round trip to Redis longer, and no more. At the limit
// there is half a command per call.
//
// A process has at most two reservations ahead, so a process that dies wastes at most two.
// Waiting calls form a FIFO queue. A call fails immediately with [ratelimit.ErrTooLate] if
// even the whole limit would come too late for it, and its reservation goes to the next
// call. A rate that throttling responses have cut fails no call.
//
// # When Redis is slow or down
//
// No call fails because of Redis, and none waits for it longer than the time-out, a tenth of
// a second by default (see [WithTimeout]). After one failure Redis receives only probes, at
// most one per second. Meanwhile each process falls back to its own share: the limit divided
// by the number of processes that Redis has counted, or what the process used recently if
// that was clearly more. So the processes keep the limit without communication. A share
// grows by less than a hundredth in half a minute, and to the whole limit in three minutes
// if nothing is throttled, because the other processes may be gone. A throttling response
// cuts the share; once attempts are accepted again it recovers, in as long as the
// congestion has lasted.
//
// When a probe succeeds, the process reserves in Redis again, with what it has learned in
// case Redis has lost it. For about a second, which the other processes may take to detect
// that Redis is back, it keeps the rate of its share. The calls wait in the same queue all
// the time.
//
// A limit that was not known before Redis failed is learned by each process, as by
// [ratelimit.Adaptive].
//
// # When others use the limit too
//
// A throttling response is reported with the next reservation. If it states another limit,
// that becomes the limit of all processes. If attempts are throttled although the
// processes keep the limit, others use it too: the rate falls, but at first not below one
// attempt per second. It recovers from one second after the last throttling response on, in
// about as long as the congestion lasted. A limit that was raised throttles nothing, so busy
// processes probe for it with one extra attempt about every 12 seconds.
//
// Limits that concern several keys (the codes RequestLimitExceeded.UinLimitExceeded,
// .IPLimitExceeded and .GlobalRegionUinLimitExceeded) are kept by each process for itself.
//
// # What is in Redis
//
// There is one hash per key, which expires an hour after its last use. Its name consists of
// the prefix, the host, the action and a digest of the credential's id. One script uses one
// key, whose hash tag is its whole name without the prefix: a cluster works, and so does a
// replica that takes over without the last reservations. If one node of a cluster fails,
// all keys fall back now and then, as without Redis. Only the clock of Redis counts; if it
// goes back, all stored times go back with it.
//
// # Why go-redis
//
// The client is github.com/redis/go-redis/v9, which Redis maintains. Most programs that use
// a Redis have it already. One small interface of it lets [New] take any of its clients
// (one server, Sentinel, cluster, ring), and one command at a time gains nothing from the
// pipelining and caching of rueidis. go.mod requires the last version that needs no newer
// Go than tcretry does; later ones work.
package tcredis
