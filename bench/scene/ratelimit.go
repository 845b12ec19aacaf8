package scene

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// RateLimit is a scene of callers in a closed loop that share the rate limit of one
// action: each makes its next call when its last one has ended.
type RateLimit struct {
	Name string
	// Kind and Options are how the API counts and throttles.
	Kind    tctest.LimitKind
	Options []tctest.ThrottleOption
	// Limit returns the limit per second in each second; nil means that it is always 20.
	Limit func(second int) int
	// Processes share the callers evenly, each with a strategy of its own; 0 means
	// one.
	Processes int
	// Callers and Calls are the numbers of callers and of their calls, in all; 0 calls
	// mean 2,000.
	Callers, Calls int
	// Think is the time between two calls of a caller.
	Think time.Duration
	// Others is how many attempts per second another program makes, which never waits.
	Others int
	// Far is set if half of the latency is before the arrival, and not 1 to 5 ms.
	Far bool
}

// RateLimitResult is the result of a RateLimit.
type RateLimitResult struct {
	// Completion is the time until the last call has ended. Optimum is that of an ideal
	// scheduler, which starts as many attempts as the limit has, immediately and then in
	// every second.
	Completion, Optimum time.Duration
	// Calls, Failed and Throttled are the numbers of calls, of those that failed in the
	// end, and of throttled attempts.
	Calls, Failed, Throttled int
	// Added is the time, of all calls together, in which no attempt was under way.
	Added time.Duration
	// Longest is the time of the longest call.
	Longest time.Duration
	// Served are the numbers of calls that each caller made.
	Served []int
	// Attempts are all that arrived, including those of the other program.
	Attempts []Attempt
}

// Slowness is the completion time divided by the optimum.
func (q RateLimitResult) Slowness() float64 { return q.Completion.Seconds() / q.Optimum.Seconds() }

// ThrottledPerCall is the number of throttled attempts per call.
func (q RateLimitResult) ThrottledPerCall() float64 { return float64(q.Throttled) / float64(q.Calls) }

// Fairness is Jain's index over the callers: 1 if all made as many calls, 1/n if
// one of n made all.
func (q RateLimitResult) Fairness() float64 {
	var sum, squares float64
	for _, n := range q.Served {
		sum += float64(n)
		squares += float64(n * n)
	}
	return sum * sum / (float64(len(q.Served)) * squares)
}

func (q RateLimit) limit(second int) int {
	if q.Limit == nil {
		return 20
	}
	return q.Limit(second)
}

// optimum is the completion time of an ideal scheduler.
func (q RateLimit) optimum() time.Duration {
	const latency = 50 * time.Millisecond
	left := q.Calls
	for second := 0; ; second++ {
		if left -= q.limit(second) - q.Others; left <= 0 {
			return time.Duration(second)*time.Second + latency
		}
	}
}

// Play plays the scene, in a synctest bubble of its own.
func (q RateLimit) Play(t *testing.T, s Strategy, seed uint64) RateLimitResult {
	t.Helper()
	if q.Calls == 0 {
		q.Calls = 2000
	}
	q.Processes = max(q.Processes, 1)
	var out RateLimitResult
	synctest.Test(t, func(*testing.T) { out = q.play(s, seed) })
	return out
}

func (q RateLimit) play(s Strategy, seed uint64) RateLimitResult {
	// The API's seconds do not begin with the scene.
	time.Sleep(time.Duration(seed*137%1000) * time.Millisecond)
	st := newStage(seed)
	st.far = q.Far
	r := &rateLimitRun{RateLimit: q, stage: st, left: q.Calls, over: make(chan struct{})}
	r.out = RateLimitResult{Calls: q.Calls, Optimum: q.optimum(), Served: make([]int, q.Callers)}
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
	r.out.Completion = time.Since(st.start)
	close(r.over)
	around.Wait()
	r.out.Attempts = st.arrivals()
	for _, a := range r.out.Attempts {
		if a.Failed && !a.Other {
			r.out.Throttled++
		}
	}
	r.out.Added -= st.attempts
	return r.out
}

// rateLimitRun is a RateLimit while it is played.
type rateLimitRun struct {
	RateLimit
	stage *stage
	over  chan struct{}
	mu    sync.Mutex
	left  int             // guarded by mu
	out   RateLimitResult // guarded by mu while callers run
}

// caller makes calls while there are any left.
func (r *rateLimitRun) caller(i int, call Call) {
	for r.take(i) {
		start := time.Now()
		err := call()
		r.ended(err, time.Since(start))
		time.Sleep(r.Think)
	}
}

func (r *rateLimitRun) take(caller int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		return false
	}
	r.left--
	r.out.Served[caller]++
	return true
}

func (r *rateLimitRun) ended(err error, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Added += took
	r.out.Longest = max(r.out.Longest, took)
	if err != nil {
		r.out.Failed++
	}
}

// change changes the limit every second.
func (r *rateLimitRun) change() {
	for second := 1; r.Limit != nil && r.sleep(time.Second); second++ {
		r.stage.api.RateLimit(action, r.limit(second), r.Kind, r.Options...)
	}
}

// others makes the attempts of the other program, which never waits.
func (r *rateLimitRun) others() {
	for r.Others > 0 && r.sleep(time.Second/time.Duration(r.Others)) {
		req := request()
		req.Header.Set("User-Agent", other)
		if resp, err := r.stage.api.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	}
}

// sleep returns false when the scene has ended.
func (r *rateLimitRun) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.over:
		return false
	}
}
