package tc3

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// The defaults of Refreshing, and the least time between two refreshes.
const (
	defaultRefreshBefore = 5 * time.Minute
	defaultTimeout       = 30 * time.Second
	refreshInterval      = time.Second
)

// A Refreshing is a Source that caches the credentials of a slow source, such as STS or
// the role of a virtual machine, and replaces them before they expire. At most one
// refresh runs at a time, and all calls that need credentials share its result.
//
// While the cached credentials are valid, a refresh runs in the background. If it fails,
// calls continue with the cached credentials, and the refresh is retried after a second.
// Credentials without Expires are cached until the API rejects them.
//
// A Refreshing may be used from many goroutines and must not be copied after first use.
// Several transports can share one.
type Refreshing struct {
	// Source is called for new credentials; nil means DefaultCredentials(). If it
	// panics, the refresh fails with an error.
	Source Source
	// RefreshBefore is how long before Expires the credentials are replaced; 0 means
	// 5 minutes. Credentials with less than twice that to live are replaced after
	// half of their lifetime.
	RefreshBefore time.Duration
	// Timeout limits one refresh; 0 means 30 seconds. The cancellation of a call
	// does not end a refresh, because other calls may wait for it.
	Timeout time.Duration

	mu          sync.Mutex
	current     kept      // guarded by mu; nil before the first refresh
	refreshAt   time.Time // guarded by mu; when to replace current, zero means never
	lastRefusal time.Time // guarded by mu; when a rejection last started a refresh
	running     *refresh  // guarded by mu; nil when none runs
}

// kept holds credentials out of the reach of fmt, which prints unexported fields without
// calling their methods, and follows pointers.
type kept func() Credentials

func keep(c Credentials) kept { return func() Credentials { return c } }

// refresh is one call of the source. Its result is set before done is closed.
type refresh struct {
	done  chan struct{}
	creds kept
	err   error
}

// Credentials returns the cached credentials. It waits for new ones only if there are
// none or they have expired. The end of the context ends the wait of this caller only.
func (r *Refreshing) Credentials(ctx context.Context) (Credentials, error) {
	r.mu.Lock()
	now := time.Now()
	if r.current != nil && (r.refreshAt.IsZero() || now.Before(r.refreshAt)) {
		defer r.mu.Unlock()
		return r.current(), nil
	}
	running := r.startRefresh(ctx)
	if r.usable(now) {
		defer r.mu.Unlock()
		return r.current(), nil
	}
	r.mu.Unlock()
	return running.wait(ctx)
}

// usable reports whether the cached credentials are valid. It requires that r.mu is
// held.
func (r *Refreshing) usable(now time.Time) bool {
	return r.current != nil && (r.current().Expires.IsZero() || now.Before(r.current().Expires))
}

// Refresh returns credentials other than the rejected ones. It calls the source only if
// the cached credentials are the rejected ones, so that one of many concurrent calls
// refreshes. Rejections start at most one refresh per second; until then Refresh returns
// the cached credentials, even the rejected ones.
func (r *Refreshing) Refresh(ctx context.Context, rejected Credentials) (Credentials, error) {
	r.mu.Lock()
	now := time.Now()
	paused := r.running == nil && now.Before(r.lastRefusal.Add(refreshInterval))
	if r.current != nil && (!r.current().same(rejected) || paused) {
		defer r.mu.Unlock()
		return r.current(), nil
	}
	r.lastRefusal = now
	running := r.startRefresh(ctx)
	r.mu.Unlock()
	return running.wait(ctx)
}

// startRefresh returns the running refresh, and starts one if none runs. It requires
// that r.mu is held.
func (r *Refreshing) startRefresh(ctx context.Context) *refresh {
	if r.running == nil {
		r.running = &refresh{done: make(chan struct{})}
		// With the values of the context, such as a trace, but not its end.
		go r.run(context.WithoutCancel(ctx), r.running)
	}
	return r.running
}

// run calls the source, caches its result and wakes the waiting calls.
func (r *Refreshing) run(ctx context.Context, running *refresh) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	// Set first, for a source that ends by runtime.Goexit.
	running.err = errors.New("tcretry: tc3: the source returned no credentials")
	defer r.finish(running)
	defer func() {
		// The value may contain a secret; its type cannot.
		if v := recover(); v != nil {
			running.err = fmt.Errorf("tcretry: tc3: the source panicked with a %T", v)
		}
	}()
	creds, err := credentialsOf(ctx, r.Source)
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
		r.current, r.refreshAt = running.creds, r.refreshTime(now, running.creds().Expires)
	case r.usable(now):
		r.refreshAt = now.Add(refreshInterval)
	default: // no credentials are valid: the next call refreshes again
		r.refreshAt = now
	}
	r.running = nil
	r.mu.Unlock()
	close(running.done)
}

// refreshTime returns when credentials that came now are to be replaced. Those that have
// expired already are used for a second nevertheless: the local clock may be wrong.
func (r *Refreshing) refreshTime(now, expires time.Time) time.Time {
	if expires.IsZero() {
		return time.Time{}
	}
	before := r.RefreshBefore
	if before <= 0 {
		before = defaultRefreshBefore
	}
	at := expires.Add(-min(before, expires.Sub(now)/2))
	if earliest := now.Add(refreshInterval); at.Before(earliest) {
		return earliest
	}
	return at
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
