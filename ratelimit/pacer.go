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

// ErrTooLate is what [KeyLimiter.Wait] returns when the turn of an attempt lies
// after [WaitOptions.NotAfter].
var ErrTooLate = errors.New("tcretry: the pace lets no attempt start in time")

// Key names what the API counts requests by: the access host (where the
// request lands, not X-TC-Region), the action and the sub-account.
// Source: cloud.tencent.com/document/product/1278/109059.
type Key struct {
	Host   string
	Action string
	// Credential is the id of the credential, "" when the request is signed
	// below us.
	Credential string
}

// A Limiter says when an attempt may start, the first of a call too. Lane returns
// the lane of a key, making it if there is none; it must be cheap, is called
// once a call and from many goroutines at once. tctest.TestLimiter checks that it
// and its lanes do what they must. One that has a method Paces() []Pace tells
// [Transport.RateLimits] what it knows.
type Limiter interface {
	ForKey(Key) KeyLimiter
}

// A KeyLimiter paces the attempts of one key. All methods are called from many
// goroutines at once. One that has a method Pace() Pace tells hooks what it
// knows, see [AttemptInfo.RateLimit].
type KeyLimiter interface {
	// Wait returns nil when the attempt may start: then Done is called exactly
	// once. Waiting calls are served in order; a Turn that says Again goes to
	// the head. It returns ErrTooLate, at once and not after the wait, when
	// the turn would come after turn.Latest, and the context's cause when ctx
	// ends; then Done is not called.
	Wait(ctx context.Context, turn WaitOptions) error
	// Done reports how an attempt that Wait let start has ended.
	Done(Result)
}

// WaitOptions is one attempt's place in a lane.
type WaitOptions struct {
	// Again says that the last attempt of this call was rejected.
	AfterThrottle bool
	// Latest is when the attempt must have started at the latest; zero means
	// any time.
	NotAfter time.Time
}

// Result is how an attempt ended, in the eyes of a Pacer.
type Result struct {
	// Verdict says whether the quota took the attempt.
	Verdict Verdict
	// Code is the throttle code of a rejection; "" for HTTP 429.
	Code string
	// Count and Limit are the two numbers of a rejection's message, the current
	// count and the quota a second; 0 if the message had none.
	Count, Limit int
}

// Verdict is what an attempt tells of the quota.
type Verdict uint8

const (
	// Unknown: no answer that tells, an error of the transport for example.
	Unknown Verdict = iota
	// Accepted: the quota took the attempt, whatever came of it.
	Accepted
	// Throttled: the attempt was over the quota.
	Throttled
)

// Adaptive is a [Pacer] in memory that is told nothing and learns from
// rejections. The zero Adaptive is ready to use and consists of the defaults
// of its fields. It is safe for use from many goroutines; its fields must not be
// changed after its first use, and it must not be copied.
//
// A lane whose attempts were never rejected is open: it delays nothing. After
// that its calls wait in one queue, and attempts start at the pace of the quota:
// see [Own] and [Shared]. It runs no goroutine, and remembers the last
// thousand or two keys that were used, besides those in use.
type Adaptive struct {
	// SlowStart lets at most 10 attempts of an open lane be in flight at first,
	// and half an attempt more for each one that is accepted. A first burst of
	// hundreds of calls then meets a handful of rejections instead of hundreds;
	// it costs the burst about a tenth of a second, once. Off by default: an open
	// lane delays nothing.
	SlowStart bool

	lanes  recent.Map[Key, *queue]
	wideMu sync.Mutex // held while wides is replaced
	wides  atomic.Pointer[wides]
	Seed   uint64 // of the random moments; 0 means a random one
}

// ForKey returns the lane of a key. It is part of [Pacer].
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
