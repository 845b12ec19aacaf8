package tcretry

import (
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/ratelimit"
)

// defaultReplayLimit is the size limit of the API for requests.
// Source: cloud.tencent.com/document/product/306/75053.
const defaultReplayLimit = 10 << 20

// An Option configures a Transport, see [New]. Of several options of one kind the last
// one holds, except [WithHooks] and [WithClassifier], which add up.
type Option interface{ apply(*settings) error }

type optionFunc func(*settings) error

func (f optionFunc) apply(s *settings) error { return f(s) }

// settings are what options set. The zero settings are the defaults.
type settings struct {
	rules          *rules
	limits         map[string]int // of the policy
	classifiers    []Classifier
	hooks          hookLists
	scope          func(*http.Request) bool // nil means IsAPIRequest, or a Signer inside
	idempotent     func(*http.Request) bool // nil means Idempotent
	peekLimit      int64                    // 0 means defaultPeekLimit
	replayLimit    int64                    // 0 means defaultReplayLimit
	attemptTimeout time.Duration            // 0 means none
	budget         budget.Budget            // nil means the Transport's own
	rateLimiter    ratelimit.Limiter        // nil means the Transport's own
	clientTokens   bool                     // add one to requests without
	service        string                   // of requests that do not name one
	noBudget       bool
	noRateLimiter  bool
}

// WithPolicy sets the policy of calls without one of their own, see
// [ContextWithPolicy]. The default
// is the zero Policy. A later [Transport.SetPolicy] replaces it.
func WithPolicy(p Policy) Option {
	return optionFunc(func(s *settings) error {
		if err := p.Validate(); err != nil {
			return &OptionError{Option: "WithPolicy", Value: p, Reason: "it is not valid", Err: err}
		}
		s.rules, s.limits = p.compile(), maps.Clone(p.Limits)
		return nil
	})
}

// WithClassifier adds a classifier. Classifiers are called in the order of their
// options, until one returns a class other than [Undecided]; that class replaces the one
// of the policy's rules, whose other fields still hold. It is not needed for a class by
// error code: use a [Rule]. A classifier that panics counts as Undecided. It is called in
// the goroutine of the call, from many at once, and delays it.
func WithClassifier(c Classifier) Option {
	return optionFunc(func(s *settings) error {
		if f, ok := c.(ClassifierFunc); c == nil || ok && f == nil {
			return &OptionError{Option: "WithClassifier", Value: c, Reason: "it is nil"}
		}
		s.classifiers = append(s.classifiers, c)
		return nil
	})
}

// WithHooks adds hooks. They run after those of earlier options.
func WithHooks(h Hooks) Option {
	return optionFunc(func(s *settings) error {
		s.hooks.add(h)
		return nil
	})
}

// WithScope sets which requests the Transport handles. The default is [IsAPIRequest],
// and requests that a [Signer] inside signs. Every other request is passed through
// unchanged: it is not copied, read, delayed, counted or retried, whatever the response.
// It is needed for requests that IsAPIRequest does not detect, such as v1 forms sent to
// a gateway of your own, or to exclude some requests to the API. inScope is called from
// many goroutines, once or more per request; it must be fast and must not read or change
// the request. If it panics, the request is out of scope.
func WithScope(inScope func(*http.Request) bool) Option {
	return optionFunc(func(s *settings) error {
		if inScope == nil {
			return &OptionError{Option: "WithScope", Value: "nil", Reason: "it is nil: leave the option out for the default scope"}
		}
		s.scope = inScope
		return nil
	})
}

// WithIdempotency sets which requests are safe to retry when their outcome is unknown.
// The default is [Idempotent]. isIdempotent is called from many goroutines at once, must
// not read or change the request, and may read a body through GetBody only. If it
// panics, the request is not idempotent.
func WithIdempotency(isIdempotent func(*http.Request) bool) Option {
	return optionFunc(func(s *settings) error {
		if isIdempotent == nil {
			return &OptionError{Option: "WithIdempotency", Value: "nil", Reason: "it is nil"}
		}
		s.idempotent = isIdempotent
		return nil
	})
}

// WithBudget sets the retry budget, which limits the retries of all calls together. The
// default is a zero [budget.Tokens] of the Transport's own; give one to several
// Transports to share it.
func WithBudget(b budget.Budget) Option {
	return optionFunc(func(s *settings) error {
		if own, ok := b.(*budget.Tokens); b == nil || ok && own == nil {
			return &OptionError{Option: "WithBudget", Value: b, Reason: "it is nil: WithoutBudget turns it off"}
		}
		if v, ok := b.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return &OptionError{Option: "WithBudget", Value: b, Reason: "it is not valid", Err: err}
			}
		}
		s.budget, s.noBudget = b, false
		return nil
	})
}

// WithoutBudget turns the retry budget off: each call retries as its policy allows,
// even if all others fail.
func WithoutBudget() Option {
	return optionFunc(func(s *settings) error {
		s.budget, s.noBudget = nil, true
		return nil
	})
}

// WithRateLimiter sets the rate limiter, which delays attempts, first ones and retries.
// The default is a zero [ratelimit.Adaptive] of the Transport's own, which delays nothing
// until the API returns a throttling response; give one to several Transports whose
// requests count against the same limit.
func WithRateLimiter(l ratelimit.Limiter) Option {
	return optionFunc(func(s *settings) error {
		if own, ok := l.(*ratelimit.Adaptive); l == nil || ok && own == nil {
			return &OptionError{Option: "WithRateLimiter", Value: l, Reason: "it is nil: WithoutRateLimiter turns it off"}
		}
		s.rateLimiter, s.noRateLimiter = l, false
		return nil
	})
}

// WithoutRateLimiter turns the rate limiter off. Throttled calls then wait by backoff,
// each by itself, and throttled attempts count against MaxAttempts.
func WithoutRateLimiter() Option {
	return optionFunc(func(s *settings) error {
		s.rateLimiter, s.noRateLimiter = nil, true
		return nil
	})
}

// WithMaxPeekBytes sets how many bytes of a response are read, and kept in memory until
// the caller has read them, to find an API error; at least 1. The default is 64 KiB. A
// longer response counts as a success and is returned unchanged.
func WithMaxPeekBytes(bytes int64) Option {
	return limit("WithMaxPeekBytes", bytes, 1, func(s *settings) { s.peekLimit = bytes })
}

// WithMaxReplayBytes sets how much of a request's body is kept for the next
// attempt when the request has no GetBody; 0 keeps nothing. The default is
// 10 MiB, the API's own limit. It does not concern requests made with
// http.NewRequest from a buffer or a string: these are not copied.
func WithMaxReplayBytes(bytes int64) Option {
	return limit("WithMaxReplayBytes", bytes, 0, func(s *settings) {
		s.replayLimit = bytes
		if bytes == 0 {
			s.replayLimit = -1
		}
	})
}

// WithClientTokens adds a ClientToken to requests without one, so that a retry is safe
// even if the outcome of an attempt is unknown: the API executes the action once for all
// attempts of the call. It is off by default, because it changes what is sent. It is not
// needed if the requests have a token, as those of the official SDK do when one of its
// own retry options is on.
//
// It concerns POSTs of a JSON object, no longer than [WithMaxReplayBytes] and the
// API's own 10 MiB, to the actions of the official SDK which honour a
// token: clienttokens.tsv, 70 of them, RunInstances of cvm among them. The
// ClientToken must be missing, empty or null. And the request must not be signed
// yet, or be signed again by a [Signer] inside: a signature that was made outside covers
// the body. Every other request is sent unchanged.
//
// The token is a random UUID, the same for every attempt, and a new one for
// every call. The caller's request is not changed: the attempts get a copy, all
// other bytes of its body unchanged. Hooks report the token.
func WithClientTokens() Option {
	return optionFunc(func(s *settings) error {
		s.clientTokens = true
		return nil
	})
}

// WithAttemptTimeout limits the time from the start of an attempt until the header of its
// response and the peeked part of the body have been read. An attempt that takes longer
// is ended and counts as one without a response, unless a whole envelope was read. It
// does not limit the reading of a body that a call returned: use http.Client.Timeout or
// the context for that. It is off by default.
func WithAttemptTimeout(d time.Duration) Option {
	return optionFunc(func(s *settings) error {
		if d <= 0 {
			return &OptionError{Option: "WithAttemptTimeout", Value: d, Reason: "it must be above zero"}
		}
		s.attemptTimeout = d
		return nil
	})
}

func limit(option string, bytes, least int64, set func(*settings)) Option {
	return optionFunc(func(s *settings) error {
		if bytes < least {
			return &OptionError{Option: option, Value: bytes, Reason: fmt.Sprintf("it must be at least %d", least)}
		}
		set(s)
		return nil
	})
}

// WithService sets the service of requests that do not name one: those to a host of your
// own whose Authorization has no credential scope yet. Rules that are scoped to a service
// or an action, [WithClientTokens] and hooks use it. The name is the one in the API's
// host names, "cvm" for cvm.tencentcloudapi.com. It is not needed for hosts of the API,
// for requests that are signed with TC3-HMAC-SHA256 outside the Transport, nor if the
// underlying RoundTripper reports the service, as a tc3.Transport does with its field
// Service, by a method
//
//	ServiceOf(*http.Request) string
//
// that returns "" if it is not known, and may be called from many goroutines.
// It is found through RoundTrippers that have a method Unwrap or
// WrappedRoundTripper which returns the one inside; others hide it. Without any of
// these the service is unknown, and scoped rules apply as described at
// Policy.Codes.
func WithService(service string) Option {
	return optionFunc(func(s *settings) error {
		if !codes.IsWord(service, true) {
			return &OptionError{Option: "WithService", Value: service, Reason: `it must be the name of a service in lower case, such as "cvm"`}
		}
		s.service = service
		return nil
	})
}
