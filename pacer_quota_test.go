package tcretry_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcretry/tcretry"
)

// quota is a server's way of counting: arrive tells of an attempt at a time, and
// whether it is accepted; count is what a rejection says.
type quota interface {
	arrive(at time.Duration, limit int) (count int, ok bool)
}

// fixedWindow counts by the seconds of its own clock, rejected attempts too.
type fixedWindow struct {
	phase  time.Duration
	window time.Duration
	count  int
}

func (q *fixedWindow) arrive(at time.Duration, limit int) (int, bool) {
	if w := (at + q.phase) / time.Second; w != q.window || q.count == 0 {
		q.window, q.count = w, 0
	}
	q.count++
	return q.count, q.count <= limit
}

// slidingWindow counts the last second, rejected attempts too.
type slidingWindow struct{ at []time.Duration }

func (q *slidingWindow) arrive(at time.Duration, limit int) (int, bool) {
	for len(q.at) > 0 && q.at[0] <= at-time.Second {
		q.at = q.at[1:]
	}
	q.at = append(q.at, at)
	return len(q.at), len(q.at) <= limit
}

// tokenBucket holds a second's worth of tokens; it counts the tokens that are
// missing.
type tokenBucket struct {
	last  time.Duration
	spent float64
}

func (q *tokenBucket) arrive(at time.Duration, limit int) (int, bool) {
	q.spent = max(0, q.spent-(at-q.last).Seconds()*float64(limit))
	q.last = at
	if q.spent+1 > float64(limit) {
		return limit + 1, false
	}
	q.spent++
	return int(q.spent), true
}

// scene is a run of callers in a closed loop against one quota.
type scene struct {
	quota   quota
	limit   func(at time.Duration) int // nil: 20
	blind   bool                       // rejections hold no numbers
	slow    bool                       // SlowStart
	pacers  int                        // 0: 1
	callers int                        // in all
	calls   int                        // in all; 0: 2000
	think   time.Duration              // between two calls of a caller
	other   time.Duration              // between two attempts of somebody who never waits
	far     bool                       // half of the latency is before the arrival
	seed    uint64
}

// played is what a scene led to.
type played struct {
	makespan time.Duration // until the last call was answered
	rejected int           // attempts
	served   []int         // calls by caller
	waited   time.Duration // for the pace, in all
}

func (s scene) withDefaults() scene {
	if s.limit == nil {
		s.limit = func(time.Duration) int { return 20 }
	}
	if s.calls == 0 {
		s.calls = 2000
	}
	s.pacers = max(s.pacers, 1)
	return s
}

// play runs the scene in virtual time.
func (s scene) play(t *testing.T) played {
	s = s.withDefaults()
	var out played
	synctest.Test(t, func(t *testing.T) {
		run := &sceneRun{scene: s, start: time.Now(), rng: rand.New(rand.NewPCG(s.seed, 1)), left: s.calls}
		run.served = make([]int, s.callers)
		var pacers []*tcretry.AdaptivePacer
		for i := range s.pacers {
			p := &tcretry.AdaptivePacer{SlowStart: s.slow}
			p.Seed(s.seed + uint64(i) + 1)
			pacers = append(pacers, p)
		}
		var wg, others sync.WaitGroup
		for i := range s.callers {
			wg.Go(func() { run.caller(t, i, pacers[i%s.pacers]) })
		}
		if s.other > 0 {
			others.Go(run.somebody)
		}
		wg.Wait()
		run.stop()
		others.Wait()
		out = run.played
	})
	return out
}

type sceneRun struct {
	scene
	start time.Time
	mu    sync.Mutex
	rng   *rand.Rand // guarded by mu, as all below
	left  int
	played
}

// stop ends somebody.
func (r *sceneRun) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = -1
}

func (r *sceneRun) somebody() {
	for {
		time.Sleep(r.other)
		r.mu.Lock()
		if r.left < 0 {
			r.mu.Unlock()
			return
		}
		at := time.Since(r.start)
		r.quota.arrive(at, r.limit(at))
		r.mu.Unlock()
	}
}

func (r *sceneRun) take(caller int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		return false
	}
	r.left--
	r.served[caller]++
	return true
}

func (r *sceneRun) caller(t *testing.T, i int, p tcretry.Pacer) {
	for r.take(i) {
		lane := p.Lane(tcretry.PaceKey{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances"})
		for again := false; ; again = true {
			before := time.Now()
			if err := lane.Wait(context.Background(), tcretry.Turn{Again: again}); err != nil {
				t.Error(err)
				return
			}
			res := r.attempt(time.Since(before))
			lane.Done(res)
			if res.Verdict == tcretry.PaceAccepted {
				break
			}
		}
		time.Sleep(r.think)
	}
}

// attempt is one trip to the server: 20 to 80 ms, of which 1 to 5 or a half until
// it counts.
func (r *sceneRun) attempt(waited time.Duration) tcretry.PaceResult {
	r.mu.Lock()
	r.waited += waited
	latency := 20*time.Millisecond + time.Duration(r.rng.Int64N(int64(60*time.Millisecond)))
	there := time.Millisecond + time.Duration(r.rng.Int64N(int64(4*time.Millisecond)))
	if r.far {
		there = latency / 2
	}
	r.mu.Unlock()
	time.Sleep(there)
	r.mu.Lock()
	at := time.Since(r.start)
	limit := r.limit(at)
	n, ok := r.quota.arrive(at, limit)
	r.mu.Unlock()
	time.Sleep(latency - there)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makespan = max(r.makespan, time.Since(r.start))
	if ok {
		return tcretry.PaceResult{Verdict: tcretry.PaceAccepted}
	}
	r.rejected++
	res := tcretry.PaceResult{Verdict: tcretry.PaceRejected, Code: "RequestLimitExceeded"}
	if !r.blind {
		res.Count, res.Limit = n, limit
	}
	return res
}
