package scene

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// Quota is a scene of callers in a closed loop who share the quota of one action:
// each makes its next call when the last one has ended.
type Quota struct {
	Name string
	// Kind and Options are how the API counts and rejects.
	Kind    tctest.LimitKind
	Options []tctest.ThrottleOption
	// Limit is the quota a second as it changes from second to second; nil means
	// 20 always.
	Limit func(second int) int
	// Processes share the callers evenly, each with a strategy of its own; 0 means
	// one.
	Processes int
	// Callers and Calls are their numbers in all; 0 calls mean 2,000.
	Callers, Calls int
	// Think is the time between two calls of a caller.
	Think time.Duration
	// Others is how many attempts a second somebody else makes who never waits.
	Others int
	// Far says that half of the latency is before the arrival, and not 1 to 5 ms.
	Far bool
}

// Queued is what became of a Quota.
type Queued struct {
	// Makespan is the time until the last call has ended, Ideal what one who knows
	// everything takes: a full quota at once, and then every second.
	Makespan, Ideal time.Duration
	// Calls, Failed and Rejected are the numbers of calls, of those that failed in
	// the end, and of attempts over the quota.
	Calls, Failed, Rejected int
	// Added is the time of all calls together that they were not on their way.
	Added time.Duration
	// Longest is the time of the longest call.
	Longest time.Duration
	// Served are the calls that each caller made.
	Served []int
	// Attempts are all that arrived, those of others too.
	Attempts []Attempt
}

// Slowness is the makespan in ideal ones.
func (q Queued) Slowness() float64 { return q.Makespan.Seconds() / q.Ideal.Seconds() }

// Waste is the rejected attempts a call.
func (q Queued) Waste() float64 { return float64(q.Rejected) / float64(q.Calls) }

// Fairness is Jain's index over the callers: 1 if all made as many calls, 1/n if
// one of n made all.
func (q Queued) Fairness() float64 {
	var sum, squares float64
	for _, n := range q.Served {
		sum += float64(n)
		squares += float64(n * n)
	}
	return sum * sum / (float64(len(q.Served)) * squares)
}

func (q Quota) limit(second int) int {
	if q.Limit == nil {
		return 20
	}
	return q.Limit(second)
}

// ideal is the makespan of one who knows everything.
func (q Quota) ideal() time.Duration {
	const latency = 50 * time.Millisecond
	left := q.Calls
	for second := 0; ; second++ {
		if left -= q.limit(second) - q.Others; left <= 0 {
			return time.Duration(second)*time.Second + latency
		}
	}
}

// Play plays the scene, in a bubble of its own.
func (q Quota) Play(t *testing.T, s Strategy, seed uint64) Queued {
	t.Helper()
	if q.Calls == 0 {
		q.Calls = 2000
	}
	q.Processes = max(q.Processes, 1)
	var out Queued
	synctest.Test(t, func(*testing.T) { out = q.play(s, seed) })
	return out
}

func (q Quota) play(s Strategy, seed uint64) Queued {
	// The API's seconds do not begin with the scene.
	time.Sleep(time.Duration(seed*137%1000) * time.Millisecond)
	st := newStage(seed)
	st.far = q.Far
	r := &queueing{Quota: q, stage: st, left: q.Calls, over: make(chan struct{})}
	r.out = Queued{Calls: q.Calls, Ideal: q.ideal(), Served: make([]int, q.Callers)}
	st.api.RateLimit(action, q.limit(0), q.Kind, q.Options...)
	var callers, around sync.WaitGroup
	around.Go(r.change)
	around.Go(r.others)
	var calls []Call
	for range q.Processes {
		calls = append(calls, s.New(st, float64(q.limit(0))/float64(q.Processes)))
	}
	for i := range q.Callers {
		callers.Go(func() { r.caller(i, calls[i%q.Processes]) })
	}
	callers.Wait()
	r.out.Makespan = time.Since(st.start)
	close(r.over)
	around.Wait()
	r.out.Attempts = st.arrivals()
	for _, a := range r.out.Attempts {
		if a.Failed && !a.Other {
			r.out.Rejected++
		}
	}
	r.out.Added -= st.attempts
	return r.out
}

// queueing is a Quota as it is played.
type queueing struct {
	Quota
	stage *stage
	over  chan struct{}
	mu    sync.Mutex
	left  int    // guarded by mu
	out   Queued // guarded by mu while callers run
}

// caller makes calls while there are any left.
func (r *queueing) caller(i int, call Call) {
	for r.take(i) {
		start := time.Now()
		err := call()
		r.ended(err, time.Since(start))
		time.Sleep(r.Think)
	}
}

func (r *queueing) take(caller int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		return false
	}
	r.left--
	r.out.Served[caller]++
	return true
}

func (r *queueing) ended(err error, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Added += took
	r.out.Longest = max(r.out.Longest, took)
	if err != nil {
		r.out.Failed++
	}
}

// change changes the quota every second.
func (r *queueing) change() {
	for second := 1; r.Limit != nil && r.sleep(time.Second); second++ {
		r.stage.api.RateLimit(action, r.limit(second), r.Kind, r.Options...)
	}
}

// others makes attempts and never waits.
func (r *queueing) others() {
	for r.Others > 0 && r.sleep(time.Second/time.Duration(r.Others)) {
		req := request()
		req.Header.Set("User-Agent", other)
		if resp, err := r.stage.api.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	}
}

// sleep is false once the scene is over.
func (r *queueing) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.over:
		return false
	}
}
