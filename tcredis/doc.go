// Package tcredis paces the calls of a fleet together: processes that share an
// account book their attempts in Redis, and keep its quota as if they were one.
//
//	pacer, err := tcredis.New(redis.NewClient(&redis.Options{Addr: "redis:6379"}))
//	client := &http.Client{Transport: tcretry.New(nil, tcretry.WithRateLimiter(pacer))}
//
// Without it each process learns the quota by itself, which works, at the price
// of rejections: see [ratelimit.Adaptive].
//
// # What it costs
//
// While no quota of a key is known, nothing waits for Redis and nothing is
// written there: one look a key, beside the calls, finds out what others know.
// The first process that a rejection tells the quota writes it. From then on
// attempts are booked: a command books all that wait and may start at once, and two
// that may not yet. Redis remembers the bookings of the last second and never books
// more than the quota in one; so below the quota a call takes one round trip longer,
// and no more. At the quota it is half a command a call.
//
// A process has two bookings of later at most, and wastes no more when it dies.
// Waiting calls are served in order. A call is refused immediately if
// even the whole quota would come too late for it; its booking is left to the next. A
// rate that rejections cut refuses no call.
//
// # When Redis is slow or down
//
// No call fails for it, and none waits longer for it than the time-out, a tenth of
// a second by default (see [WithTimeout]). After one failure Redis is asked no more
// but by a probe now and then, at most one a second. Meanwhile each process books
// for itself: its share, the quota by the number of processes that Redis has
// counted, or what it used lately if that was clearly more. So the fleet stays at
// its quota without a word. A share grows by less than a hundredth in half a minute,
// and to the whole quota in three if nothing is rejected, for the others may be
// gone. A rejection cuts it; once attempts are accepted again it recovers, in as long as
// the trouble has lasted. When a probe is answered the process books in Redis again, for the second
// that the others may take to find out at the pace of its share, and with what it
// knows should Redis have lost it. The calls wait in one queue all the time.
//
// A quota that nobody knew before Redis went is learnt by each process for itself,
// as by [ratelimit.Adaptive].
//
// # Who else uses the quota
//
// A rejection is told with the next booking. Another quota in its text becomes
// that of the fleet. When rejections go on although the fleet keeps the quota,
// others use it too: the rate falls, but at first not below one per second. It recovers
// from a second after the last rejection on, in about as long as they went on. A
// quota that was raised rejects nothing, so a busy fleet tries an attempt more
// about every 12 seconds. Quotas over many keys (the sub-codes UinLimitExceeded,
// IPLimitExceeded and GlobalRegionUinLimitExceeded) are kept by each process for
// itself.
//
// # What is in Redis
//
// One hash a key, an hour longer than its last use. Its name holds the prefix,
// the host, the action and a digest of the credential's id. One script touches
// one key, whose hash tag is all of it but the prefix: a cluster works, as does a
// replica that takes over without the last bookings. Of a cluster without one of its
// nodes all keys go on as without Redis, now and then. Only Redis' own clock counts,
// and should it go back, all that is remembered goes back with it.
//
// # Why go-redis
//
// The client is github.com/redis/go-redis/v9, which Redis maintains: most programs
// that use a Redis have it already, one small interface of it lets New take any of
// its clients (one server, Sentinel, cluster, ring), and one command at a time
// gains nothing from what rueidis does better, pipelining and caching. go.mod asks
// for the last version that needs no newer Go than tcretry does; later ones work.
package tcredis
