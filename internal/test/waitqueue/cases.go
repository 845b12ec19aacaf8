package waitqueue

import "time"

// perWaiter is how much time passes for each waiter between two checks of all deadlines,
// at the most; for the first of them, none need pass.
const perWaiter = time.Microsecond

// unchecked is how many waiters, at the most, need no time between two checks.
const unchecked = 64

// cases are the rule: throttled calls first, each kind in the order of arrival; a call that
// would start too late is rejected immediately when it enters, and soon when it becomes so.
var cases = []struct {
	name string
	run  func(*driver)
}{
	{"calls start in the order of their arrival", func(d *driver) {
		d.starts(d.enterMany(3)...)
	}},
	{"throttled calls start first, in the order of their arrival", func(d *driver) {
		a, b, c, e := d.enter(anyTime), d.enterThrottled(anyTime), d.enter(anyTime), d.enterThrottled(anyTime)
		d.starts(b, e, a, c)
	}},
	{"a call that leaves keeps no place", func(d *driver) {
		a, b, c := d.enter(anyTime), d.enterThrottled(anyTime), d.enter(anyTime)
		d.leave(a, b)
		d.starts(c)
	}},
	{"a call whose deadline has passed is rejected immediately", func(d *driver) {
		d.late(d.enter(-1), d.enterThrottled(-1))
	}},
	{"a call that would start too late is rejected immediately", func(d *driver) {
		d.enterMany(2 * Limit)
		d.late(d.enter(2*time.Second - 1))
		d.enter(2 * time.Second)
	}},
	{"only throttled calls are ahead of a throttled call", func(d *driver) {
		d.enterMany(2 * Limit)
		for range Limit {
			d.enterThrottled(1)
		}
		d.late(d.enterThrottled(time.Second - 1))
		d.enterThrottled(time.Second)
	}},
	{"a call that was rejected keeps no place", func(d *driver) {
		d.enterMany(Limit - 1)
		for range 3 {
			d.late(d.enter(-1))
		}
		d.enter(1)
		d.late(d.enter(1))
	}},
	{"a call that leaves makes place for a later one", func(d *driver) {
		d.leave(d.enterMany(Limit)[:1]...)
		d.enter(1)
		d.late(d.enter(1))
	}},
	{"a call is rejected when its deadline passes", func(d *driver) {
		first, throttled := d.enter(10*time.Millisecond), d.enterThrottled(20*time.Millisecond)
		d.wait(10 * time.Millisecond)
		d.othersWait()
		d.wait(2)
		d.late(first)
		d.wait(10*time.Millisecond - 2)
		d.othersWait()
		d.wait(2)
		d.late(throttled)
	}},
	{"throttled calls that arrive make others late", func(d *driver) {
		d.enterMany(Limit - 1)
		last := d.enter(time.Second - 1)
		d.enterThrottled(anyTime)
		d.late(last)
	}},
	{"all that have become late are rejected, and no others", func(d *driver) {
		d.enterMany(Limit - 2)
		d.enter(1100 * time.Millisecond)
		late := d.enter(time.Second - 1)
		d.enterMany(Limit - 2)
		alsoLate := d.enter(2*time.Second - 1)
		d.enter(2*time.Second + time.Millisecond)
		for range 3 {
			d.enterThrottled(anyTime)
		}
		d.wait(3 * Limit * perWaiter)
		d.late(late, alsoLate)
	}},
	{"a check of many deadlines comes after a time for each of them", func(d *driver) {
		crowd(d)
		late := d.enter(50*time.Second - 1)
		d.enterThrottled(anyTime)
		const n = 50*Limit + 1
		d.wait((n-unchecked)*perWaiter - 1)
		d.othersWait()
		d.wait(unchecked*perWaiter + 2)
		d.late(late)
	}},
	{"a postponed check rejects nobody who is in time again", func(d *driver) {
		crowd(d)
		d.enter(50*time.Second - 1)
		d.leave(d.enterThrottled(anyTime))
		d.wait(50 * Limit * perWaiter)
	}},
	{"a call that enters while a check is postponed is checked itself", func(d *driver) {
		crowd(d)
		d.enter(50*time.Second - 1)
		throttled := d.enterThrottled(anyTime)
		d.late(d.enter(time.Second))
		d.leave(throttled)
	}},
}

// crowd makes 50*Limit-1 calls wait, and all deadlines be checked: the next check is not
// before a time for each of them.
func crowd(d *driver) {
	d.enterMany(50*Limit - 1)
	late := d.enter(50*time.Second - 1)
	throttled := d.enterThrottled(anyTime)
	d.late(late)
	d.leave(throttled)
}
