package tcredis

import (
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
)

// DefaultTimeout is how long a call waits for Redis at the most before it goes on
// without it. In one data centre an answer takes a millisecond; a tenth of a second
// leaves room for a new connection.
const DefaultTimeout = 100 * time.Millisecond

// DefaultPrefix is what the names of all keys in Redis begin with.
const DefaultPrefix = "tcretry:"

// An Option changes a default of [New]. Later ones win.
type Option interface{ apply(*Limiter) error }

type optionFunc func(*Limiter) error

func (f optionFunc) apply(p *Limiter) error { return f(p) }

// WithLimits sets the quotas instead of learning them: quota returns the attempts
// a second that the fleet may make for a key, 0 for one that is to be learnt. It
// must be pure, and is called from many goroutines. A quota that is set is kept
// from the first call on, so that nothing is rejected; one that rejections tell
// to be lower is kept lower. The default is to learn all.
func WithLimits(quota func(ratelimit.Key) int) Option {
	return optionFunc(func(p *Limiter) error {
		if quota == nil {
			return mistake("WithLimits", quota, "it is nil: quotas are learnt by default")
		}
		p.quota = quota
		return nil
	})
}

// WithTimeout sets the longest that Redis, slow or down, can delay a call,
// [DefaultTimeout] by default. One answer has half of that: a call may come when
// those before it were asked for, and its own question has to wait.
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(p *Limiter) error {
		if d/2 <= 0 {
			return mistake("WithTimeout", d, "it is not positive")
		}
		p.link.timeout = d / 2
		return nil
	})
}

// WithPrefix sets what the names of all keys begin with, [DefaultPrefix] by
// default. Fleets that share a Redis but no account need two, if they sign below
// the Transport: it then does not know whose attempts it makes.
func WithPrefix(prefix string) Option {
	return optionFunc(func(p *Limiter) error {
		if prefix == "" {
			return mistake("WithPrefix", prefix, "it is empty")
		}
		p.prefix = prefix
		return nil
	})
}

func mistake(option string, value any, reason string) error {
	return &tcretry.OptionError{Option: "tcredis." + option, Value: value, Reason: reason}
}

// New returns a Pacer that books its permits over client: a *redis.Client, a
// *redis.ClusterClient, a *redis.Ring or any other. It does not connect, and
// never closes the client. The error holds every mistake, each a
// [*tcretry.OptionError].
func New(client redis.Scripter, opts ...Option) (*Limiter, error) {
	p := &Limiter{prefix: DefaultPrefix, quota: func(ratelimit.Key) int { return 0 }}
	p.link.client, p.link.timeout = client, DefaultTimeout/2
	var mistakes []error
	if client == nil {
		mistakes = append(mistakes, mistake("New", nil, "the client is nil"))
	}
	for _, o := range opts {
		if o == nil {
			mistakes = append(mistakes, mistake("New", nil, "an option is nil"))
			continue
		}
		mistakes = append(mistakes, o.apply(p))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return p, nil
}
