package scene

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// Outage is a scene of calls that come at an even rate, whatever becomes of the
// ones before, to an API that fails for some time.
type Outage struct {
	Name string
	// Rate is how many calls start a second; 0 means 100.
	Rate int
	// Length is how long calls start.
	Length time.Duration
	// From and To are when the API fails.
	From, To time.Duration
	// Part is how many of the attempts fail between From and To; 0 means all.
	Part float64
	// Capacity is how many attempts a second a back end behind the API serves,
	// which stops between From and To; 0 means that there is none. See backEnd.
	Capacity int
}

// Survived is what became of an Outage.
type Survived struct {
	Outage
	// Calls are in the order of their start, Attempts in that of their arrival.
	Calls    []Ended
	Attempts []Attempt
}

// Ended is one call.
type Ended struct {
	Start, End time.Duration
	Failed     bool
	// Attempts is how many it made; 0 in an Outage, which does not count them.
	Attempts int
}

// AttemptsPerCall is how many attempts arrived while the API failed, for each call
// that started in that time.
func (s Survived) AttemptsPerCall() float64 {
	calls, _ := count(s.Calls, s.From, s.To)
	return float64(arrived(s.Attempts, s.From, s.To)) / float64(calls)
}

// Success is the part of the calls that succeeded in the end, of those that
// started while the API failed.
func (s Survived) Success() float64 {
	calls, failed := count(s.Calls, s.From, s.To)
	return 1 - float64(failed)/float64(calls)
}

// Recovery is how long after the outage the last second ended in which the API
// failed more than 1 of 100 attempts: the rest of the scene if it never recovered.
func (s Survived) Recovery() time.Duration { return recovery(s.Attempts, s.To, s.Length) }

// recovery is how long after from the last second ended, of those before to, in
// which more than 1 of 100 attempts failed.
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

// arrived returns how many of the attempts arrived from then to then.
func arrived(attempts []Attempt, from, to time.Duration) (n int) {
	for _, a := range attempts {
		if a.At >= from && a.At < to {
			n++
		}
	}
	return n
}

// count returns how many of the calls started from then to then, and how many of
// these failed.
func count(all []Ended, from, to time.Duration) (calls, failed int) {
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

// Play plays the scene, in a bubble of its own.
func (o Outage) Play(t *testing.T, s Strategy, seed uint64) Survived {
	t.Helper()
	if o.Rate == 0 {
		o.Rate = 100
	}
	var out Survived
	synctest.Test(t, func(*testing.T) { out = o.play(s, seed) })
	return out
}

func (o Outage) play(s Strategy, seed uint64) Survived {
	st := newStage(seed)
	st.api.Default(tctest.Func(o.answers(st.start, seed)))
	call := s.New(st, float64(o.Rate))
	calls := make([]Ended, int(o.Length.Seconds()*float64(o.Rate)))
	every := time.Second / time.Duration(o.Rate)
	var running sync.WaitGroup
	for i := range calls {
		running.Go(func() {
			start := time.Since(st.start)
			err := call()
			calls[i] = Ended{Start: start, End: time.Since(st.start), Failed: err != nil}
		})
		time.Sleep(every)
	}
	running.Wait()
	return Survived{o, calls, st.arrivals()}
}

// answers returns what the API does with an attempt.
func (o Outage) answers(start time.Time, seed uint64) func(tctest.Attempt) tctest.Reply {
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

// backEnd serves attempts one after the other. It does not know who has stopped
// waiting: an attempt that waited for longer than the gateway before it is still
// served, for nobody. That is how retries can keep a service down that has long
// been repaired.
type backEnd struct {
	rate     int           // attempts a second
	from, to time.Duration // it stops in between
	free     time.Duration // when all that wait are served
}

const (
	// patience is how long the gateway waits for the back end.
	patience = time.Second
	// longest is how much the back end lets wait, in time.
	longest = 2 * time.Second
)

// serve returns the answer to an attempt.
func (b *backEnd) serve(at time.Duration) tctest.Reply {
	b.free = max(b.free, at)
	if b.free >= b.from && b.free < b.to {
		b.free = b.to
	}
	wait := b.free - at
	if stopped := at >= b.from && at < b.to; !stopped && wait > longest || stopped && b.free-b.to > longest {
		return tctest.GatewayError(503)
	}
	b.free += time.Second / time.Duration(b.rate)
	if wait > patience {
		return tctest.Delay(patience, tctest.GatewayError(504))
	}
	return tctest.Delay(wait, tctest.OK(nil))
}
