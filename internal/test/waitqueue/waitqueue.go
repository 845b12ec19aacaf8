// Package waitqueue is one table of cases for the two queues in which calls wait for a
// slot of a rate limiter: that of ratelimit, within a process, and that of tcredis. The
// two are published in modules of their own and share no code, but one rule.
package waitqueue

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Limit is the rate limit of the queues under test, per second. Nothing may start at the
// beginning of a case, so that the call with n others ahead of it starts n/Limit whole
// seconds from now at the earliest.
const Limit = 20

// A Queue is a queue under test.
type Queue interface {
	// Enter adds a call that must start no later than notAfter, unless that is zero.
	// The result receives nil once the call may start, or the error that it will not
	// start in time. The leave function ends the call, as the end of its context does.
	Enter(afterThrottle bool, notAfter time.Time) (result <-chan error, leave func())
	// Start gives a slot to the first of the queue.
	Start()
}

// Test runs the table. newQueue returns an empty queue for each case; it is called in a
// bubble of testing/synctest. The error errTooLate is what a call gets that would start
// too late.
func Test(t *testing.T, errTooLate error, newQueue func(*testing.T) Queue) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &driver{t: t, queue: newQueue(t), errTooLate: errTooLate, begin: time.Now()}
				c.run(d)
				d.end()
			})
		})
	}
}

// driver enters calls into a queue and checks their results.
type driver struct {
	t          *testing.T
	queue      Queue
	errTooLate error
	begin      time.Time
	all        []*call
}

// call is one that was entered.
type call struct {
	number int
	result <-chan error
	leave  func()
	ended  bool
}

// anyTime is the deadline of a call that has none.
const anyTime time.Duration = 0

// enter adds a call that may start within this time, and no later.
func (d *driver) enter(within time.Duration) *call { return d.add(false, within) }

// enterThrottled adds a call whose last attempt was throttled.
func (d *driver) enterThrottled(within time.Duration) *call { return d.add(true, within) }

// enterMany adds n calls without a deadline.
func (d *driver) enterMany(n int) []*call {
	first := len(d.all)
	for range n {
		d.enter(anyTime)
	}
	return d.all[first:]
}

func (d *driver) add(afterThrottle bool, within time.Duration) *call {
	var notAfter time.Time
	if within != anyTime {
		notAfter = time.Now().Add(within)
	}
	c := &call{number: len(d.all)}
	c.result, c.leave = d.queue.Enter(afterThrottle, notAfter)
	d.all = append(d.all, c)
	return c
}

// leave ends calls that wait.
func (d *driver) leave(calls ...*call) {
	for _, c := range calls {
		c.ended = true
		c.leave()
	}
}

// starts gives out slots, which these calls must get in this order.
func (d *driver) starts(calls ...*call) {
	d.t.Helper()
	for _, c := range calls {
		d.queue.Start()
		d.wants(c, nil, "started")
	}
}

// late checks that a call was rejected by now.
func (d *driver) late(calls ...*call) {
	d.t.Helper()
	for _, c := range calls {
		d.wants(c, d.errTooLate, "was rejected")
	}
}

func (d *driver) wants(c *call, want error, did string) {
	d.t.Helper()
	select {
	case err := <-c.result:
		c.ended = true
		if !errors.Is(err, want) {
			d.t.Fatalf("after %v call %d ended with %v, want that it %s", time.Since(d.begin), c.number, err, did)
		}
	default:
		d.t.Fatalf("after %v call %d waits, want that it %s", time.Since(d.begin), c.number, did)
	}
}

// wait lets time pass.
func (d *driver) wait(within time.Duration) {
	time.Sleep(within)
	synctest.Wait()
}

// othersWait checks that every call waits whose end was not checked.
func (d *driver) othersWait() {
	d.t.Helper()
	for _, c := range d.all {
		if !c.ended && len(c.result) > 0 {
			d.t.Fatalf("after %v call %d ended with %v, want that it waits", time.Since(d.begin), c.number, <-c.result)
		}
	}
}

// end checks the others, and empties the queue.
func (d *driver) end() {
	d.t.Helper()
	d.othersWait()
	for _, c := range d.all {
		if !c.ended {
			c.leave()
		}
	}
}
