package tcredis_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
	"github.com/tcretry/tcretry/tctest"
)

// counter is a hook of a client that counts its scripts.
type counter struct{ n atomic.Int64 }

func (c *counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "evalsha" { // once it is answered by eval, with the script itself
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// slowly makes each attempt take 20 to 80 ms, half of it on the way there.
type slowly struct {
	base http.RoundTripper
	mu   sync.Mutex
	rng  *rand.Rand
}

func (s *slowly) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	half := jitter(s.rng)
	s.mu.Unlock()
	time.Sleep(half)
	defer time.Sleep(half)
	return s.base.RoundTrip(req)
}

// replicas is a number of processes with callers that share a limit.
type replicas struct {
	processes, callers, calls, limit int
	seed                             uint64 // 0 to begin with a second
	kind                             tctest.LimitKind
	limiter                          func(process int) ratelimit.Limiter
	during                           func(*tctest.API) // nil, or what happens meanwhile
	ended                            func()            // nil, or called after the last call
}

// result is the result of a run.
type result struct {
	calls, failed, attempts, executed int
	took                              time.Duration
}

// throttledPart is the number of throttled attempts, as a part of the calls.
func (r result) throttledPart() float64 { return float64(r.attempts-r.executed) / float64(r.calls) }

// completionTime is the time that the calls took, as a multiple of the optimum: a second's
// worth immediately, then the rest at the limit.
func (f replicas) completionTime(r result) float64 {
	return r.took.Seconds() / (float64(r.calls-f.limit) / float64(f.limit))
}

// run makes the calls.
func (f replicas) run(t testing.TB) result {
	api := tctest.NewAPI()
	api.RateLimit("", f.limit, f.kind)
	base := &slowly{base: api, rng: rand.New(rand.NewPCG(f.seed, 1))}
	if f.seed > 0 {
		time.Sleep(time.Duration(base.rng.Int64N(int64(time.Second)))) // the second is in any phase
	}
	start := time.Now()
	var next, failed atomic.Int64
	var all, wg sync.WaitGroup
	for i := range f.processes {
		client := &http.Client{Transport: tcretry.New(base, tcretry.WithRateLimiter(f.limiter(i)),
			tcretry.WithPolicy(tcretry.Policy{MaxElapsed: 10 * time.Minute}))}
		for range f.callers {
			all.Go(func() {
				for next.Add(1) <= int64(f.calls) {
					if err := call(client); err != nil {
						failed.Add(1)
					}
				}
			})
		}
	}
	if f.during != nil {
		wg.Go(func() { f.during(api) })
	}
	all.Wait()
	if f.ended != nil {
		f.ended()
	}
	took := time.Since(start)
	wg.Wait()
	return result{
		calls: f.calls, failed: int(failed.Load()), took: took,
		attempts: len(api.Recorded()), executed: api.Executions("DescribeInstances"),
	}
}

// call makes one call.
func call(client *http.Client) error { return callAt(client, "https://cvm.tencentcloudapi.com") }

func callAt(client *http.Client, url string) error {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("X-TC-Action", "DescribeInstances")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return tcretry.CheckResponse(resp)
}

// overPipes runs f with a Redis in memory, each process with a connection of its
// own, and returns the commands a call as well.
func (f replicas) overPipes(t *testing.T, m *miniredis.Miniredis, opts ...tcredis.Option) (result, float64) {
	t.Helper()
	var c counter
	var clients []*redis.Client
	f.limiter = func(int) ratelimit.Limiter {
		client := dialTo(m, &c)
		clients = append(clients, client)
		p, err := tcredis.New(client, opts...)
		require.NoError(t, err)
		return p
	}
	r := f.run(t)
	for _, c := range clients {
		require.NoError(t, c.Close())
	}
	commands := float64(c.n.Load()) / float64(f.calls)
	t.Logf("%s: completion time %.3f, throttled %.1f %%, failed %d, commands per call %.2f",
		t.Name(), f.completionTime(r), 100*r.throttledPart(), r.failed, commands)
	return r, commands
}

// twenty is the replicas of the tables: ten processes that share 20 per second.
func twenty(seed uint64) replicas {
	return replicas{processes: 10, callers: 5, calls: 2000, limit: 20, seed: seed}
}

func set(perSecond int) tcredis.Option {
	return tcredis.WithLimits(func(ratelimit.Key) int { return perSecond })
}

func TestReplicas_keepALearnedLimit(t *testing.T) {
	replicasBubble(t, func(t *testing.T) {
		f := twenty(1)
		r, commands := f.overPipes(t, piped(t))
		require.Zero(t, r.failed)
		require.LessOrEqual(t, f.completionTime(r), 1.025)
		require.LessOrEqual(t, r.throttledPart(), 0.04)
		require.LessOrEqual(t, commands, 1.2)
	})
}

// Whichever way the server counts.
func TestReplicas_keepLimitsOfEveryKind(t *testing.T) {
	for _, kind := range []tctest.LimitKind{tctest.SlidingWindow, tctest.TokenBucket} {
		for _, limit := range []int{0, 20} {
			replicasBubble(t, func(t *testing.T) {
				f := twenty(5)
				f.kind = kind
				r, _ := f.overPipes(t, piped(t), set(limit))
				require.Zero(t, r.failed)
				require.LessOrEqual(t, f.completionTime(r), 1.03)
				require.LessOrEqual(t, r.throttledPart(), 0.05)
			})
		}
	}
}

func TestReplicas_keepAConfiguredLimit(t *testing.T) {
	replicasBubble(t, func(t *testing.T) {
		f := twenty(1)
		r, commands := f.overPipes(t, piped(t), set(20))
		require.Zero(t, r.failed)
		require.LessOrEqual(t, f.completionTime(r), 1.015)
		require.LessOrEqual(t, r.throttledPart(), 0.0005)
		require.LessOrEqual(t, commands, 1.05)
	})
}

// down makes Redis be down for 30 s, from a time on. It then has lost all it knew.
func down(m *miniredis.Miniredis, from time.Duration) func(*tctest.API) {
	return func(*tctest.API) {
		time.Sleep(from)
		m.SetError("down")
		time.Sleep(30 * time.Second)
		m.FlushAll()
		m.SetError("")
	}
}

func TestReplicas_fallBackWhileRedisIsDownAndRejoin(t *testing.T) {
	replicasBubble(t, func(t *testing.T) {
		f, m := twenty(1), piped(t)
		f.during = down(m, 30*time.Second)
		r, commands := f.overPipes(t, m)
		require.Zero(t, r.failed)
		require.LessOrEqual(t, f.completionTime(r), 1.03)
		require.LessOrEqual(t, r.throttledPart(), 0.033, "2.5 % is the first burst, before anybody knew the limit")
		require.Less(t, commands, 0.9, "it sent commands to Redis as usual while that was down")
	})
}

func TestReplicas_keepALimitLearnedWhileRedisIsDown(t *testing.T) {
	for _, processes := range []int{3, 7, 10} {
		replicasBubble(t, func(t *testing.T) {
			f, m := twenty(uint64(processes)), piped(t)
			f.processes = processes
			f.during = down(m, 30*time.Second)
			r, _ := f.overPipes(t, m, set(20))
			require.Zero(t, r.failed)
			require.LessOrEqual(t, f.completionTime(r), 1.03)
			require.LessOrEqual(t, r.throttledPart(), 0.01)
		})
	}
}

// Each process then uses the whole limit, until it is throttled.
func TestReplicas_withoutRedisFailNoCall(t *testing.T) {
	for _, limit := range []int{0, 20} {
		replicasBubble(t, func(t *testing.T) {
			f, m := twenty(79), piped(t)
			m.SetError("down")
			r, _ := f.overPipes(t, m, set(limit))
			require.Zero(t, r.failed)
			require.LessOrEqual(t, f.completionTime(r), 1.15)
			require.LessOrEqual(t, r.throttledPart(), 0.25)
		})
	}
}

func TestReplicas_followALimitThatChanges(t *testing.T) {
	replicasBubble(t, func(t *testing.T) {
		f := twenty(1)
		f.calls = 3000
		f.during = func(api *tctest.API) {
			time.Sleep(30 * time.Second)
			api.RateLimit("", 10, tctest.FixedWindow)
			time.Sleep(30 * time.Second)
			api.RateLimit("", 40, tctest.FixedWindow)
		}
		r, _ := f.overPipes(t, piped(t))
		require.Zero(t, r.failed)
		// 600 and 300 in the first minute, and the others in 52 s at the least.
		require.LessOrEqual(t, r.took, 140*time.Second)
		require.LessOrEqual(t, r.throttledPart(), 0.1)
	})
}

func TestReplicas_shareTheLimitWithOthers(t *testing.T) {
	replicasBubble(t, func(t *testing.T) {
		f := twenty(1)
		f.calls = 1500
		done := make(chan struct{})
		f.during = func(api *tctest.API) {
			tick := time.NewTicker(200 * time.Millisecond) // five a second
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
					_ = call(&http.Client{Transport: api})
				}
			}
		}
		f.ended = func() { close(done) }
		r, _ := f.overPipes(t, piped(t))
		// A call may arrive at the end of a second four times, before the others report.
		require.LessOrEqual(t, r.failed, 3)
		require.LessOrEqual(t, r.took, 115*time.Second, "fifteen a second are left")
		require.LessOrEqual(t, r.throttledPart(), 0.2)
	})
}

// All that is sent in the rest of a second is throttled; a call that would use up
// its attempts there must not.
func TestABurstAtTheBeginningOfASecondFailsNoCall(t *testing.T) {
	for _, limit := range []int{20, 100} {
		replicasBubble(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
			f := replicas{processes: 1, callers: 300, calls: 600, limit: limit, seed: 0}
			r, _ := f.overPipes(t, piped(t))
			require.Zero(t, r.failed)
		})
	}
}

// The same while the replicas are at the limit, when others use all of some seconds.
func TestSecondsThatOthersUseUpFailNoCall(t *testing.T) {
	replicasBubble(t, func(t *testing.T) {
		f := replicas{processes: 2, callers: 20, calls: 1000, limit: 50, seed: 3}
		f.during = func(api *tctest.API) {
			for range 4 {
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(3 * time.Second)))
				for range 100 {
					_ = call(&http.Client{Transport: api})
				}
			}
		}
		r, _ := f.overPipes(t, piped(t))
		require.Zero(t, r.failed)
	})
}
