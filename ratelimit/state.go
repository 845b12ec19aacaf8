package ratelimit

import (
	"cmp"
	"slices"

	"github.com/tcretry/tcretry/internal/clock"
)

// Mode is how an [Adaptive] limits the attempts of one key.
type Mode uint8

const (
	// Open: nothing was throttled yet, and no attempt waits.
	Open Mode = iota
	// Own: the limit is known, and this process seems to be the only one that uses it.
	// That many attempts start in any second.
	Own
	// Shared: others use the limit too, or it is not known. Attempts start at a rate that
	// throttling responses cut and that recovers without them.
	Shared
)

// String returns the name of the mode in lower case.
func (m Mode) String() string {
	return [...]string{"open", "own", "shared"}[min(m, Shared)]
}

// MarshalText returns the name of the mode in lower case. The error is always nil.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// State is a snapshot of the rate limiter of one key. It does not contain the credential.
// More fields may be added.
type State struct {
	// Host and Action are those of the key. A limit that concerns several keys has no
	// Action, and no Host if it concerns several hosts.
	Host, Action string
	// Mode is how attempts are limited.
	Mode Mode
	// Limit is the limit per second: the one that throttling responses stated last, or
	// that was configured or loaded, plus what successful probes added; 0 if it is not known.
	Limit int
	// Configured is the limit that [Adaptive.SetLimits] gave the key; 0 if none.
	Configured int
	// Rate is how many attempts may start per second now; 0 means any number.
	Rate float64
	// Waiting is the number of calls that wait. Of a limit that concerns several keys it
	// is the number of keys with waiting calls.
	Waiting int
	// InFlight is the number of attempts that have started and not ended.
	InFlight int
}

// States returns the state of every key, and of the limits that concern several keys, sorted
// by host and action. It locks the keys one by one: it is meant for a debug page or a
// scrape, not for the path of a call.
func (a *Adaptive) States() []State {
	var states []State
	a.keys.All(func(_ Key, l *keyLimiter) {
		l.mu.Lock()
		defer l.mu.Unlock()
		states = append(states, newState(l.key, &l.controller, l.waiting()))
	})
	if m := a.groups.Load(); m != nil {
		for _, g := range *m {
			g.mu.Lock()
			states = append(states, newState(g.key, &g.controller, g.queue.Len()))
			g.mu.Unlock()
		}
	}
	slices.SortFunc(states, func(x, y State) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Action, y.Action))
	})
	return states
}

// State returns the state of the key.
func (l *keyLimiter) State() State {
	l = l.lockCurrent()
	defer l.mu.Unlock()
	return newState(l.key, &l.controller, l.waiting())
}

// newState requires that the lock of c is held.
func newState(key Key, c *controller, waiting int) State {
	c.advance(clock.Now())
	return State{
		Host: key.Host, Action: key.Action, Mode: c.mode, Limit: c.limit, Configured: c.configured, Rate: c.perSecond(),
		Waiting: waiting, InFlight: c.inFlight,
	}
}
