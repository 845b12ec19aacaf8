package tcredis

import (
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
)

// DefaultTimeout is the longest time that a call waits for Redis before it continues without
// it. In one data centre a reply takes a millisecond; a tenth of a second is enough for a new
// connection.
const DefaultTimeout = 100 * time.Millisecond

// DefaultPrefix is the prefix of the names of all keys in Redis.
const DefaultPrefix = "tcretry:"

// An Option changes a default of [New]. Later ones win.
type Option interface{ apply(*Limiter) error }

type optionFunc func(*Limiter) error

func (f optionFunc) apply(r *Limiter) error { return f(r) }

// WithLimits configures the limits instead of learning them: limit returns the attempts per
// second that all processes together may make for a key, and 0 for a key whose limit is
// learned. It must be a pure function, and is called from many goroutines. A configured limit
// applies from the first call on, so nothing is throttled. If throttling responses state a
// lower limit, the lower one applies. By default all limits are learned.
func WithLimits(limit func(ratelimit.Key) int) Option {
	return optionFunc(func(r *Limiter) error {
		if limit == nil {
			return optionError("WithLimits", limit, "it is nil: omit the option to learn all limits")
		}
		r.configured = limit
		return nil
	})
}

// WithTimeout sets the longest time by which Redis, slow or down, can delay a call. The
// default is [DefaultTimeout]. One reply may take half of it, because a call may first have
// to wait for the command that is in progress.
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(r *Limiter) error {
		if d/2 <= 0 {
			return optionError("WithTimeout", d, "it is not positive")
		}
		r.link.timeout = d / 2
		return nil
	})
}

// WithPrefix sets the prefix of the names of all keys in Redis. The default is
// [DefaultPrefix]. Programs that share a Redis but no account need different prefixes if they
// sign inside the Transport: their keys then have no credential.
func WithPrefix(prefix string) Option {
	return optionFunc(func(r *Limiter) error {
		if prefix == "" {
			return optionError("WithPrefix", prefix, "it is empty")
		}
		r.prefix = prefix
		return nil
	})
}

func optionError(option string, value any, reason string) error {
	return &tcretry.OptionError{Option: "tcredis." + option, Value: value, Reason: reason}
}

// New returns a Limiter that reserves attempts through client: a *redis.Client, a
// *redis.ClusterClient, a *redis.Ring or any other. It does not connect, and never closes the
// client. The error joins one [*tcretry.OptionError] for each invalid value.
func New(client redis.Scripter, opts ...Option) (*Limiter, error) {
	r := &Limiter{prefix: DefaultPrefix, configured: func(ratelimit.Key) int { return 0 }}
	r.link.client, r.link.timeout = client, DefaultTimeout/2
	var errs []error
	if client == nil {
		errs = append(errs, optionError("New", nil, "the client is nil"))
	}
	for _, o := range opts {
		if o == nil {
			errs = append(errs, optionError("New", nil, "an option is nil"))
			continue
		}
		errs = append(errs, o.apply(r))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}
