package ratelimit

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcretry/tcretry/internal/recent"
)

// ErrTooLate is what [KeyLimiter.Wait] returns when an attempt could start only after
// [WaitOptions.NotAfter].
var ErrTooLate = errors.New("tcretry: the pace lets no attempt start in time")

// Key names what the API counts requests by: the access host (where the
// request lands, not X-TC-Region), the action and the sub-account.
// Source: cloud.tencent.com/document/product/1278/109059.
type Key struct {
	Host   string
	Action string
	// Credential is the id of the credential, never its key; "" when the request is
	// signed inside the Transport.
	Credential string
}

// A Limiter says when an attempt may start, the first of a call too. tctest.TestLimiter
// checks that one does what it must. One that has a method States() []State reports to
// tcretry.Transport.RateLimits.
type Limiter interface {
	// ForKey returns the limiter of a key, making it if there is none. It must be
	// cheap: it is called once per call, from many goroutines at once.
	ForKey(Key) KeyLimiter
}

// A KeyLimiter limits the attempts of one key. All methods are called from many
// goroutines at once. One that has a method State() State reports to hooks, see
// tcretry.AttemptInfo.
type KeyLimiter interface {
	// Wait returns nil when the attempt may start: then Done is called exactly
	// once. Waiting calls are released in order; one whose last attempt was throttled
	// goes to the head. It returns ErrTooLate, immediately and not after the wait, when
	// the attempt could start only after o.NotAfter, and the context's cause when ctx
	// ends; then Done is not called.
	Wait(ctx context.Context, o WaitOptions) error
	// Done reports how an attempt that Wait permitted has ended.
	Done(Result)
}

// WaitOptions describe one wait.
type WaitOptions struct {
	// AfterThrottle reports that the last attempt of this call was throttled.
	AfterThrottle bool
	// NotAfter is when the attempt must have started at the latest; zero means
	// any time.
	NotAfter time.Time
}

// Result is how an attempt ended, as far as it concerns a rate limit.
type Result struct {
	// Verdict reports whether the rate limit admitted the attempt.
	Verdict Verdict
	// Code is the error code of a throttling response; "" for HTTP 429.
	Code string
	// Count and Limit are the two numbers of a throttling response's message, the
	// current count and the limit per second; 0 if the message had none.
	Count, Limit int
}

// Verdict is what an attempt shows of the rate limit.
type Verdict uint8

const (
	// Unknown: nothing, after an error of the transport for example.
	Unknown Verdict = iota
	// Accepted: the rate limit admitted the attempt, whatever its outcome.
	Accepted
	// Throttled: the attempt exceeded the rate limit.
	Throttled
)

// Adaptive is a [Limiter] in memory that needs no configuration and learns from
// throttling responses. The zero Adaptive is ready to use and consists of the defaults
// of its fields. It is safe for use from many goroutines; its fields must not be
// changed after its first use, and it must not be copied.
//
// A key whose attempts were never throttled is [Open]: nothing is delayed. After that
// its calls wait in one queue, and attempts start at the rate of the limit: see [Own]
// and [Shared]. It runs no goroutine, and remembers the last thousand or two keys that
// were used, besides those in use.
type Adaptive struct {
	// SlowStart permits at most 10 attempts of an open key in flight at first, and half
	// an attempt more for each one that is accepted. A first burst of hundreds of calls
	// then gets a handful of throttling responses instead of hundreds; it costs the
	// burst about a tenth of a second, once. Off by default.
	SlowStart bool
	// Seed makes the random moments follow from it, for simulations and tests; 0 means
	// a random one.
	Seed uint64

	lanes  recent.Map[Key, *queue]
	wideMu sync.Mutex // held while wides is replaced
	wides  atomic.Pointer[wides]
}

// ForKey returns the limiter of a key. It is part of [Limiter].
func (p *Adaptive) ForKey(key Key) KeyLimiter { return p.lane(key) }

func (p *Adaptive) lane(key Key) *queue {
	return p.lanes.Get(key, func() (Key, *queue) { return p.fresh(key) }, (*queue).wanted)
}

func (p *Adaptive) fresh(key Key) (Key, *queue) {
	key = Key{strings.Clone(key.Host), strings.Clone(key.Action), strings.Clone(key.Credential)}
	return key, &queue{pacer: p, key: key, pace: newPace(p.randomSeed(), p.SlowStart)}
}

func (p *Adaptive) randomSeed() uint64 {
	if p.Seed != 0 {
		return p.Seed
	}
	return rand.Uint64()
}

// State is what an [Adaptive] knows of one key. It does not show the
// credential.
type State struct {
	// Host and Action are those of the key. No action means the pace of an account
	// over all actions, no host either that over all hosts or of this address.
	Host, Action string
	// Mode is how the lane paces.
	Mode Mode
	// Quota is the quota a second that rejections told, 0 if none did.
	Limit int
	// Rate is how many attempts a second may start now, 0 for any number.
	Rate float64
	// Waiting and InFlight are the numbers of calls that wait for their turn and
	// of attempts that have started and not ended.
	Waiting, InFlight int
}

// States returns what is known of every key, in the order of their hosts and
// actions: for a page that a person reads. It is not for the way of a call: it
// locks the lanes one by one.
func (p *Adaptive) States() []State {
	var paces []State
	p.lanes.All(func(_ Key, l *queue) {
		l.mu.Lock()
		defer l.mu.Unlock()
		paces = append(paces, describe(l.key, &l.pace, l.waiting()))
	})
	if m := p.wides.Load(); m != nil {
		for _, w := range *m {
			w.mu.Lock()
			paces = append(paces, describe(w.key, &w.pace, w.queue.Len()))
			w.mu.Unlock()
		}
	}
	slices.SortFunc(paces, func(a, b State) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Action, b.Action))
	})
	return paces
}

// Pace returns what is known of the lane's key.
func (l *queue) State() State {
	l = l.live()
	defer l.mu.Unlock()
	return describe(l.key, &l.pace, l.waiting())
}

// describe requires that p's lock is held.
func describe(key Key, p *pace, waiting int) State {
	p.tick(clock())
	return State{
		Host: key.Host, Action: key.Action, Mode: p.mode, Limit: p.limit, Rate: p.perSecond(),
		Waiting: waiting, InFlight: p.inFlight,
	}
}
