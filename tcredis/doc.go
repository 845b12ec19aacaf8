// Package tcredis paces the calls of a fleet together: processes that share an
// account book their attempts in Redis, and keep its quota as if they were one.
//
//	pacer, err := tcredis.New(redis.NewClient(&redis.Options{Addr: "redis:6379"}))
//	client := &http.Client{Transport: tcretry.New(nil, tcretry.WithPacer(pacer))}
//
// Without it each process learns the quota by itself, which works, at the price
// of rejections: see [tcretry.AdaptivePacer].
//
// # What it costs
//
// While no quota of a key is known, nothing waits for Redis and nothing is
// written there: one look a key, beside the calls, finds out what others know.
// The first process that a rejection tells the quota writes it. From then on an
// attempt is one command, which always books and says when the attempt may start;
// so below the quota a call takes one round trip longer, and no more: the second
// after a silent one is free up to the quota.
//
// A process has two bookings at most, and wastes no more when it dies. Waiting
// calls are served in order. A call that could not start in time is told so at
// once, and its booking is left to the next.
//
// # When Redis is slow or down
//
// No call fails for it, and none waits longer than the time-out, a tenth of a
// second by default (see [WithTimeout]). After one failure Redis is asked no more
// but by a probe now and then, at most one a second. Meanwhile a local pacer keeps
// the share of the quota that the process had, and goes on learning. When a probe
// is answered, the waiting calls come back to the fleet, with what the process
// knows should Redis have lost it. As the others may still be without Redis, and
// the hand-over from one pace to the other takes some attempts, rejections are
// usual then; waiting calls are handed over in order, but may overtake each other
// by some microseconds.
//
// # Who else uses the quota
//
// A rejection is told with the next booking. Another quota in its text becomes
// that of the fleet. When rejections go on although the fleet keeps the quota,
// others use it too: the rate falls, and creeps up again without rejections. A
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
// replica that takes over without the last bookings. Only Redis' own clock counts.
//
// # Why go-redis
//
// The client is github.com/redis/go-redis/v9, which Redis maintains: most programs
// that use a Redis have it already, one small interface of it lets New take any of
// its clients (one server, Sentinel, cluster, ring), and one command at a time
// gains nothing from what rueidis does better, pipelining and caching. go.mod asks
// for the last version that needs no newer Go than tcretry does; later ones work.
package tcredis
