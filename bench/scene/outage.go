package scene

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// Outage is a scene of calls that start at an even rate, independently of each other, to
// an API that fails for some time.
type Outage struct {
	Name string
	// Rate is how many calls start per second; 0 means 100.
	Rate int
	// Length is how long calls start.
	Length time.Duration
	// From and To are when the API fails.
	From, To time.Duration
	// Part is the fraction of attempts that fail between From and To; 0 means all.
	Part float64
	// Capacity is how many attempts per second a back end behind the API serves. It
	// stops between From and To. 0 means that there is none. See backEnd.
	Capacity int
}

// OutageResult is the result of an Outage.
type OutageResult struct {
	Outage
	// Calls are in the order of their start, Attempts in that of their arrival.
	Calls    []CallResult
	Attempts []Attempt
}

// CallResult is the result of one call.
type CallResult struct {
	Start, End time.Duration
	Failed     bool
	// Attempts is how many it made; 0 in an Outage, which does not count them.
	Attempts int
}

// AttemptsPerCall is the number of attempts that arrived while the API failed, per call
// that started in that time.
func (s OutageResult) AttemptsPerCall() float64 {
	calls, _ := count(s.Calls, s.From, s.To)
	return float64(arrived(s.Attempts, s.From, s.To)) / float64(calls)
}

// Success is the fraction of the calls that succeeded in the end, of those that started
// while the API failed.
func (s OutageResult) Success() float64 {
	calls, failed := count(s.Calls, s.From, s.To)
	return 1 - float64(failed)/float64(calls)
}

// Recovery is the time from the end of the outage until the last second in which more
// than 1 % of the attempts failed has ended: the rest of the scene if the API never
// recovered.
func (s OutageResult) Recovery() time.Duration { return recovery(s.Attempts, s.To, s.Length) }

// recovery is the time from from until the last second before to in which more than 1 %
// of the attempts failed has ended.
func recovery(all []Attempt, from, to time.Duration) (end time.Duration) {
	seconds := int((to - from) / time.Second)
	attempts, failed := make([]int, seconds), make([]int, seconds)
	for _, a := range all {
		if a.At < from || a.At >= from+time.Duration(seconds)*time.Second {
			continue
		}
		second := int((a.At - from) / time.Second)
		if attempts[second]++; a.Failed {
			failed[second]++
		}
		if 100*failed[second] > attempts[second] {
			end = time.Duration(second+1) * time.Second
		}
	}
	return end
}

// arrived returns how many of the attempts arrived between from and to.
func arrived(attempts []Attempt, from, to time.Duration) (n int) {
	for _, a := range attempts {
		if a.At >= from && a.At < to {
			n++
		}
	}
	return n
}

// count returns how many of the calls started between from and to, and how many of these
// failed.
func count(all []CallResult, from, to time.Duration) (calls, failed int) {
	for _, c := range all {
		if c.Start < from || c.Start >= to {
			continue
		}
		calls++
		if c.Failed {
			failed++
		}
	}
	return calls, failed
}

// Play plays the scene, in a synctest bubble of its own.
func (o Outage) Play(t *testing.T, s Strategy, seed uint64) OutageResult {
	t.Helper()
	if o.Rate == 0 {
		o.Rate = 100
	}
	var out OutageResult
	synctest.Test(t, func(*testing.T) { out = o.play(s, seed) })
	return out
}

func (o Outage) play(s Strategy, seed uint64) OutageResult {
	st := newStage(seed)
	st.api.Default(tctest.Func(o.responses(st.start, seed)))
	call := s.New(st, float64(o.Rate))
	calls := make([]CallResult, int(o.Length.Seconds()*float64(o.Rate)))
	every := time.Second / time.Duration(o.Rate)
	var running sync.WaitGroup
	for i := range calls {
		running.Go(func() {
			start := time.Since(st.start)
			err := call()
			calls[i] = CallResult{Start: start, End: time.Since(st.start), Failed: err != nil}
		})
		time.Sleep(every)
	}
	running.Wait()
	return OutageResult{o, calls, st.arrivals()}
}

// responses returns a function that returns the response to an attempt.
func (o Outage) responses(start time.Time, seed uint64) func(tctest.Attempt) tctest.Reply {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 2))
	end := backEnd{rate: o.Capacity, from: o.From, to: o.To}
	return func(c tctest.Attempt) tctest.Reply {
		mu.Lock()
		defer mu.Unlock()
		at := c.Time.Sub(start)
		switch {
		case o.Capacity > 0:
			return end.serve(at)
		case at < o.From || at >= o.To:
			return tctest.OK(nil)
		case o.Part > 0 && rng.Float64() >= o.Part:
			return tctest.OK(nil)
		}
		return tctest.DropBeforeExecution()
	}
}

// backEnd serves attempts one after the other. It does not detect which clients have
// stopped waiting: an attempt that has waited for longer than the timeout of the gateway
// is still served, although its response is dropped. So retries can keep a service down
// that has been repaired.
type backEnd struct {
	rate     int           // attempts per second
	from, to time.Duration // it stops in between
	free     time.Duration // when all that wait are served
}

const (
	// gatewayTimeout is how long the gateway waits for the back end.
	gatewayTimeout = time.Second
	// maxQueue is the longest queue of the back end, in time.
	maxQueue = 2 * time.Second
)

// serve returns the response to an attempt.
func (b *backEnd) serve(at time.Duration) tctest.Reply {
	b.free = max(b.free, at)
	if b.free >= b.from && b.free < b.to {
		b.free = b.to
	}
	wait := b.free - at
	if stopped := at >= b.from && at < b.to; !stopped && wait > maxQueue || stopped && b.free-b.to > maxQueue {
		return tctest.GatewayError(503)
	}
	b.free += time.Second / time.Duration(b.rate)
	if wait > gatewayTimeout {
		return tctest.Delay(gatewayTimeout, tctest.GatewayError(504))
	}
	return tctest.Delay(wait, tctest.OK(nil))
}
