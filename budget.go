package tcretry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrBudgetSpent is what [Budget.Withdraw] returns when a retry may not be made.
var ErrBudgetSpent = errors.New("tcretry: the retry budget is spent")

// A Budget bounds the retries of many calls together, so that retries do not
// multiply the load of a service that is down. Only retries of Transient and
// Ambiguous outcomes are paid for: other answers prove that the service is up.
// It is called from many goroutines at once.
//
// An implementation keeps hosts apart, lets the first retry to a host that it
// knows nothing of go at once, allows few retries while every attempt fails, and
// allows them again once attempts succeed. tctest.TestBudget checks that. One that
// has a method Validate() error is asked by [WithBudget], and one with a method
// Hosts() []HostBudget tells [Transport.Budgets] what it knows.
type Budget interface {
	// Withdraw asks for leave to make one retry. It returns nil when the retry
	// may be made, ErrBudgetSpent when it may not, and the context's cause when
	// ctx ends. It may hold the retry for some time, but never past w.Latest
	// nor longer than its own limit. The time that it holds a retry counts
	// towards the retry's delay: the caller waits only what is left of it.
	Withdraw(ctx context.Context, w Withdrawal) error
	// Record tells of every attempt that ended, the first ones too: failed says
	// that its outcome was Transient or Ambiguous, rather than an answer.
	// Attempts that the caller canceled are not recorded.
	Record(host string, failed bool)
}

// Withdrawal is one retry that a Budget is asked for.
type Withdrawal struct {
	// Host is the access host of the call.
	Host string
	// Start is when the call started; zero means now.
	Start time.Time
	// Latest is when the retry must start at the latest; zero means any time.
	Latest time.Time
}

// The defaults of a TokenBudget. Each was chosen from runs of the program in
// bench/: go run ./bench -neighbours prints what the neighbouring values lead to.
const (
	// A burst of failures that a healthy service may have, half a second of a
	// hundred calls, is retried whole; more only adds to an outage.
	defaultCapacity = 50
	// Half a token a success keeps every call alive while a third of all
	// attempts fail, and bounds retries to half of what succeeds.
	defaultPerSuccess = 0.5
	// Twelve failures in a row do not happen by chance while less than half of
	// the attempts fail (once in 4,096), and cost twelve retries to find out.
	defaultDownAfter = 12
	// Five seconds bridge a restart or a failover and are about what a person
	// waits.
	defaultMaxHold = 5 * time.Second
	// One attempt a second finds a service that came back, and is no load.
	defaultProbeEvery = time.Second
)

// TokenBudget is a [Budget] in memory: a bucket of tokens and a gate for each
// host. The zero TokenBudget is ready to use, full, and consists of the defaults
// of its fields. It is safe for use from many goroutines; its fields must not be
// changed after its first use, and it must not be copied.
//
// A retry costs a token, and only attempts that succeed bring tokens. When the
// last attempts to a host all failed, whichever calls made them, the host is
// down: its retries are neither made nor given up but held, until the first
// success of another call lets them out in order, a token each. While nobody
// else tries the host, one held retry a second is let out as a probe. First
// attempts are never held. Retries that find no token are given up, but for the
// time of MaxHold after the host was down: they are held for one.
//
// A host that goes down again within half a minute of coming back is not ready for
// so many retries: each time its successes bring half as many tokens as before,
// down to an eighth, until it has stayed up for half a minute.
//
// It runs no goroutine, and remembers the tokens of the last thousand or two
// hosts that were used; one that it forgot is full again.
type TokenBudget struct {
	// Capacity is the number of tokens of a host, full at the start; 0 means 50.
	Capacity int
	// PerSuccess is how much of a token an attempt that succeeds brings, above 0
	// and at most 1; 0 means 0.5.
	PerSuccess float64
	// DownAfter is how many attempts in a row must fail for a host to be down;
	// 0 means 12.
	DownAfter int
	// MaxHold is how long a retry is held at the most, from the start of its
	// call; 0 means 5 seconds.
	MaxHold time.Duration
	// ProbeEvery is how long nobody must have tried a host that is down until
	// a held retry is let out to try it; 0 means a second.
	ProbeEvery time.Duration

	hosts recent[string, *hostBudget]
}

// Validate returns every mistake in the fields, joined, or nil. A field that is
// wrong counts as zero.
func (b *TokenBudget) Validate() error {
	var errs []error
	wrong := func(field string, value any, why string) {
		errs = append(errs, fmt.Errorf("tcretry: TokenBudget.%s is %v: it must %s", field, value, why))
	}
	if b.Capacity < 0 {
		wrong("Capacity", b.Capacity, "not be negative")
	}
	if !validPerSuccess(b.PerSuccess) {
		wrong("PerSuccess", b.PerSuccess, "be from 0 to 1")
	}
	if b.DownAfter < 0 {
		wrong("DownAfter", b.DownAfter, "not be negative")
	}
	if b.MaxHold < 0 {
		wrong("MaxHold", b.MaxHold, "not be negative")
	}
	if b.ProbeEvery < 0 {
		wrong("ProbeEvery", b.ProbeEvery, "not be negative")
	}
	return errors.Join(errs...)
}

// validPerSuccess is false for NaN too.
func validPerSuccess(n float64) bool { return n >= 0 && n <= 1 }

// rules are the fields with their defaults.
func (b *TokenBudget) rules() gateRules {
	perSuccess := b.PerSuccess
	if !validPerSuccess(perSuccess) || perSuccess == 0 {
		perSuccess = defaultPerSuccess
	}
	return gateRules{
		capacity:   float64(positive(b.Capacity, defaultCapacity)),
		earned:     perSuccess,
		downAfter:  positive(b.DownAfter, defaultDownAfter),
		maxHold:    positive(b.MaxHold, defaultMaxHold),
		probeEvery: positive(b.ProbeEvery, defaultProbeEvery),
	}
}

// positive returns n, or otherwise if n is not above zero.
func positive[N int | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// Record tells of an attempt that ended. It is part of [Budget].
func (b *TokenBudget) Record(host string, failed bool) {
	if !failed && b.host(host).calm.Load() {
		return
	}
	h := b.lock(host)
	defer h.mu.Unlock()
	// Nothing of an open gate that holds nobody has a time, and to read the clock
	// is half the cost of a success.
	now := h.tried
	if failed || h.down() || h.held.Len() > 0 {
		now = time.Now()
	}
	h.record(now, failed)
	h.settle()
}

// Withdraw asks for leave to make one retry. It is part of [Budget]. A retry
// that is held when ctx ends, or at its limit, costs nothing.
func (b *TokenBudget) Withdraw(ctx context.Context, w Withdrawal) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	h := b.lock(w.Host)
	held, err := h.withdraw(time.Now(), w)
	h.settle()
	h.mu.Unlock()
	if held == nil {
		return err
	}
	return h.wait(ctx, held)
}

// HostBudget is what a [TokenBudget] knows of one host.
type HostBudget struct {
	// Host is the access host.
	Host string
	// Tokens is how many retries it may make now, from 0 to the capacity.
	Tokens float64
	// Down says that its last attempts all failed.
	Down bool
	// Held is the number of retries that are held.
	Held int
}

// Hosts returns what is known of every host, in the order of their names: for a
// page that a person reads. It is not for the way of a call: it locks the hosts
// one by one.
func (b *TokenBudget) Hosts() []HostBudget {
	var hosts []HostBudget
	b.hosts.all(func(host string, h *hostBudget) {
		h.mu.Lock()
		defer h.mu.Unlock()
		hosts = append(hosts, HostBudget{host, h.capacity - h.spent, h.down(), h.held.Len()})
	})
	slices.SortFunc(hosts, func(x, y HostBudget) int { return cmp.Compare(x.Host, y.Host) })
	return hosts
}

// hostBudget is the gate of one host with its lock and the timer of its probes.
type hostBudget struct {
	mu   sync.Mutex
	gate             // guarded by mu
	tick *time.Timer // guarded by mu; runs while retries are held, else nil
	// forgotten says that the budget holds another hostBudget for the host, or
	// none. Guarded by mu.
	forgotten bool
	// calm says that a success changes nothing. It may be read without mu: of
	// attempts that end at the same time none is the first.
	calm atomic.Bool
}

func (b *TokenBudget) host(host string) *hostBudget {
	return b.hosts.get(host, func() (string, *hostBudget) { return strings.Clone(host), b.fresh() }, (*hostBudget).wanted)
}

// lock returns the state of host, locked.
func (b *TokenBudget) lock(host string) *hostBudget {
	for {
		h := b.host(host)
		h.mu.Lock()
		if !h.forgotten {
			return h
		}
		h.mu.Unlock()
	}
}

func (b *TokenBudget) fresh() *hostBudget { return &hostBudget{gate: gate{gateRules: b.rules()}} }

// wanted keeps hosts that hold retries: only their own gate can let those out.
func (h *hostBudget) wanted() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgotten = h.held.Len() == 0
	return !h.forgotten
}

// settle ends every change: it runs the timer of the probes while retries are
// held, and only then. It requires that mu is held.
func (h *hostBudget) settle() {
	h.calm.Store(h.gate.calm())
	switch holding := h.held.Len() > 0; {
	case holding && h.tick == nil:
		h.tick = time.AfterFunc(time.Until(h.tried.Add(h.probeEvery)), h.probes)
	case !holding && h.tick != nil:
		h.tick.Stop()
		h.tick = nil
	}
}

// probes is what the timer runs.
func (h *hostBudget) probes() {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := h.probe(time.Now())
	h.settle()
	if h.tick != nil {
		h.tick.Reset(time.Until(next))
	}
}

// wait waits until held is let out, ctx ends or the limit of held is reached.
func (h *hostBudget) wait(ctx context.Context, held *hold) error {
	limit := time.NewTimer(time.Until(held.limit))
	defer limit.Stop()
	err := ErrBudgetSpent
	select {
	case <-held.out:
		err = nil
	case <-ctx.Done():
	case <-limit.C:
	}
	// Of the events of one moment the end of the context counts: a retry that
	// will not be made must not keep its token from the others.
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave(held)
	h.settle()
	return err
}
