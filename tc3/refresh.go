package tc3

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The defaults of Refreshing, and how often it asks at most on its own.
const (
	defaultEarly   = 5 * time.Minute
	defaultTimeout = 30 * time.Second
	refreshPause   = time.Second
)

// Refreshing keeps the credentials of a slow source, such as STS or the role of
// a virtual machine, and replaces them before they expire. However many calls
// want credentials, at most one refresh runs, and all of them share its result.
//
// While the kept credentials last, a refresh runs beside the calls, and its
// failure is not theirs: it is tried again after a second. Credentials without
// Expires are kept until the API refuses them.
//
// A Refreshing is for use by many goroutines at once and must not be copied
// after first use. Give one to several transports to share it.
type Refreshing struct {
	// Source is asked for new credentials; nil means Default. A panic of it
	// becomes an error.
	Source Source
	// Early is how long before Expires the credentials are replaced; 0 means 5
	// minutes. Credentials that last less than twice as long are replaced at
	// half of their life.
	RefreshBefore time.Duration
	// Timeout bounds one refresh; 0 means 30 seconds. No call's cancellation
	// ends a refresh, because others may wait for it; this does.
	Timeout time.Duration

	mu      sync.Mutex
	current kept      // guarded by mu; nil before the first refresh
	due     time.Time // guarded by mu; when to replace current, zero means never
	refused time.Time // guarded by mu; when a refusal last started a refresh
	running *refresh  // guarded by mu; nil when none runs
}

// kept holds credentials where fmt cannot reach them: it prints unexported
// fields without asking their methods, and follows pointers.
type kept func() Credentials

func keep(c Credentials) kept { return func() Credentials { return c } }

// refresh is one trip to the source. Its result is set before done is closed.
type refresh struct {
	done  chan struct{}
	creds kept
	err   error
}

// Credentials returns the kept credentials, and waits for new ones only when
// there are none or they have expired. A context that ends ends the wait of
// this caller alone.
func (r *Refreshing) Credentials(ctx context.Context) (Credentials, error) {
	r.mu.Lock()
	now := time.Now()
	if r.current != nil && (r.due.IsZero() || now.Before(r.due)) {
		defer r.mu.Unlock()
		return r.current(), nil
	}
	running := r.start(ctx)
	if r.usable(now) {
		defer r.mu.Unlock()
		return r.current(), nil
	}
	r.mu.Unlock()
	return running.wait(ctx)
}

// usable says whether the kept credentials last. It requires that r.mu is held.
func (r *Refreshing) usable(now time.Time) bool {
	return r.current != nil && (r.current().Expires.IsZero() || now.Before(r.current().Expires))
}

// Refresh returns credentials other than the refused ones. It asks the source
// only if those are the ones it keeps: of many calls that were refused
// together, one refreshes. Refusals start one refresh a second at most, so a
// source that gives nothing better is not asked by every call.
func (r *Refreshing) Refresh(ctx context.Context, refused Credentials) (Credentials, error) {
	r.mu.Lock()
	now := time.Now()
	paused := r.running == nil && now.Before(r.refused.Add(refreshPause))
	if r.current != nil && (!r.current().same(refused) || paused) {
		defer r.mu.Unlock()
		return r.current(), nil
	}
	r.refused = now
	running := r.start(ctx)
	r.mu.Unlock()
	return running.wait(ctx)
}

// start returns the running refresh, started if need be. It requires that r.mu
// is held.
func (r *Refreshing) start(ctx context.Context) *refresh {
	if r.running == nil {
		r.running = &refresh{done: make(chan struct{})}
		// The values of the context, such as a trace, stay; its end does not.
		go r.run(context.WithoutCancel(ctx), r.running)
	}
	return r.running
}

// run asks the source, keeps what it gives and wakes those who wait.
func (r *Refreshing) run(ctx context.Context, running *refresh) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// Set first: a source that leaves by runtime.Goexit gives nothing else.
	running.err = errors.New("tcretry: tc3: the source gave no answer")
	defer r.finish(running)
	defer func() {
		// The value may hold a secret; its type cannot.
		if v := recover(); v != nil {
			running.err = fmt.Errorf("tcretry: tc3: the source panicked with a %T", v)
		}
	}()
	creds, err := ask(ctx, r.Source)
	if err == nil {
		running.creds = keep(creds)
	}
	running.err = err
}

func (r *Refreshing) finish(running *refresh) {
	r.mu.Lock()
	now := time.Now()
	switch {
	case running.creds != nil:
		r.current, r.due = running.creds, r.dueAt(now, running.creds().Expires)
	case r.usable(now):
		r.due = now.Add(refreshPause)
	default: // there is nothing to use meanwhile: the next call asks again
		r.due = now
	}
	r.running = nil
	r.mu.Unlock()
	close(running.done)
}

// dueAt returns when credentials got now are to be replaced. Those that are old
// already are used for a moment all the same: it may be our clock that is wrong.
func (r *Refreshing) dueAt(now, expires time.Time) time.Time {
	if expires.IsZero() {
		return time.Time{}
	}
	early := r.RefreshBefore
	if early <= 0 {
		early = defaultEarly
	}
	due := expires.Add(-min(early, expires.Sub(now)/2))
	if soonest := now.Add(refreshPause); due.Before(soonest) {
		return soonest
	}
	return due
}

func (f *refresh) wait(ctx context.Context) (Credentials, error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		return Credentials{}, ctx.Err()
	}
	if f.err != nil {
		return Credentials{}, f.err
	}
	return f.creds(), nil
}
