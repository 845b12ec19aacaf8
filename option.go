package tcretry

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/internal/codes"
	"github.com/tcretry/tcretry/ratelimit"
)

// defaultReplayLimit is the API's own limit: it takes no larger request.
// Source: cloud.tencent.com/document/product/306/75053.
const defaultReplayLimit = 10 << 20

// An Option changes a Transport that is being made. Later options win, but for
// hooks, which add up.
type Option interface{ apply(*settings) error }

type optionFunc func(*settings) error

func (f optionFunc) apply(s *settings) error { return f(s) }

// settings are what options set. The zero settings are the defaults.
type settings struct {
	rules          *rules
	classifiers    []Classifier
	hooks          []Hooks
	scope          func(*http.Request) bool // nil means IsAPIRequest, or a base that signs
	idempotent     func(*http.Request) bool // nil means Idempotent
	peekLimit      int64                    // 0 means defaultPeekLimit
	replayLimit    int64                    // 0 means defaultReplayLimit
	attemptTimeout time.Duration            // 0 means none
	budget         budget.Budget            // nil means the Transport's own
	pacer          ratelimit.Limiter        // nil means the Transport's own
	clientTokens   bool                     // give one to requests that lack it
	service        string                   // of requests that do not name it
	unbudgeted     bool
	unpaced        bool
}

// WithPolicy sets the policy of calls that have none of their own. The default
// is the zero Policy. A later [Transport.SetPolicy] replaces it.
func WithPolicy(p Policy) Option {
	return optionFunc(func(s *settings) error {
		if err := p.Validate(); err != nil {
			return &OptionError{Option: "WithPolicy", Value: p, Reason: "it is not valid", Err: err}
		}
		s.rules = p.compile()
		return nil
	})
}

// WithClassifier asks c before the default classifier and the policy's rules,
// after those of earlier options. What c says takes the place of the Class of the
// rules for the code; their other fields hold. You do not need it for a class by
// code: that is a [Rule]. A classifier that panics counts as Undecided. One that is slow
// delays its call, which goes on when it returns.
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
		s.hooks = append(s.hooks, h)
		return nil
	})
}

// WithScope replaces the rule that reports which requests the Transport handles;
// the default is [IsAPIRequest], and requests that a base that is a [Signer]
// signs. Every other request is passed to the base untouched: it is not copied,
// read, delayed, counted or retried, whatever the response. You need it for
// requests that nothing marks, such as v1 forms sent to a gateway of your own, or to
// leave some requests of the API alone. It is called from many goroutines, once
// or more for each request, and must be fast and must not read or change the
// request. If it panics, the request is out of scope.
func WithScope(inScope func(*http.Request) bool) Option {
	return optionFunc(func(s *settings) error {
		if inScope == nil {
			return &OptionError{Option: "WithScope", Value: "nil", Reason: "it is nil: leave the option out for the default scope"}
		}
		s.scope = inScope
		return nil
	})
}

// WithIdempotency replaces the rule that tells which requests are harmless to
// repeat; the default is [Idempotent]. It is called from many goroutines at
// once, must not read or change the request, and finds a request's body through
// GetBody only. A rule that panics says no.
func WithIdempotency(harmless func(*http.Request) bool) Option {
	return optionFunc(func(s *settings) error {
		if harmless == nil {
			return &OptionError{Option: "WithIdempotency", Value: "nil", Reason: "it is nil"}
		}
		s.idempotent = harmless
		return nil
	})
}

// WithBudget bounds the retries of all calls together by b. The default is a
// [budget.Tokens] of the Transport's own; give one to several Transports to share
// it.
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
		s.budget, s.unbudgeted = b, false
		return nil
	})
}

// WithoutBudget lets every call retry as its policy says, whatever happens to
// the others.
func WithoutBudget() Option {
	return optionFunc(func(s *settings) error {
		s.budget, s.unbudgeted = nil, true
		return nil
	})
}

// WithRateLimiter lets p say when attempts may start, first ones too. The default is
// an [ratelimit.Adaptive] of the Transport's own, which delays nothing until the API
// refuses an attempt for its rate; give one to several Transports that share a
// quota.
func WithRateLimiter(p ratelimit.Limiter) Option {
	return optionFunc(func(s *settings) error {
		if own, ok := p.(*ratelimit.Adaptive); p == nil || ok && own == nil {
			return &OptionError{Option: "WithRateLimiter", Value: p, Reason: "it is nil: WithoutRateLimiter turns it off"}
		}
		s.pacer, s.unpaced = p, false
		return nil
	})
}

// WithoutRateLimiter lets attempts start at any time. Throttled calls then wait by
// backoff, each for itself, as all others do.
func WithoutRateLimiter() Option {
	return optionFunc(func(s *settings) error {
		s.pacer, s.unpaced = nil, true
		return nil
	})
}

// WithMaxPeekBytes sets how many bytes of an answer are read, and kept in memory
// until the caller has read them, to find a failure; at least 1. The default is
// 64 KiB. An answer that is longer is handed on as an answer.
func WithMaxPeekBytes(bytes int64) Option {
	return limit("WithMaxPeekBytes", bytes, 1, func(s *settings) { s.peekLimit = bytes })
}

// WithMaxReplayBytes sets how much of a request's body is kept for the next
// attempt when the request has no GetBody; 0 keeps nothing. The default is
// 10 MiB, the API's own limit. You do not need it for requests made with
// http.NewRequest from a buffer or a string: nothing is copied of those.
func WithMaxReplayBytes(bytes int64) Option {
	return limit("WithMaxReplayBytes", bytes, 0, func(s *settings) {
		s.replayLimit = bytes
		if bytes == 0 {
			s.replayLimit = -1
		}
	})
}

// WithClientTokens gives a ClientToken to requests that lack one, so that they
// are harmless to repeat even if no answer came: the API executes the action
// once for all attempts of the call. It is off by default, because it changes
// what is sent. You do not need it if your requests have a token, as those of
// the official SDK do when one of its own retry options is on.
//
// It is about POSTs of a JSON object, no longer than [WithMaxReplayBytes] and the
// API's own 10 MiB, to the actions of the official SDK that are known to honour
// a token: clienttokens.tsv, 70 of them, RunInstances of cvm among them. The
// ClientToken must be missing, empty or null. And the request must not be signed
// yet, or be signed anew by a base that is a [Signer]: a signature made above
// covers the body. Every other request is sent as it came.
//
// The token is a random UUID, the same for every attempt, and a new one for
// every call. The caller's request is not changed: the attempts get a copy, all
// other bytes of its body as they were. Hooks are told of the token.
func WithClientTokens() Option {
	return optionFunc(func(s *settings) error {
		s.clientTokens = true
		return nil
	})
}

// WithAttemptTimeout bounds the time from the start of an attempt to its
// answer's header and what is read of the body to judge it. An attempt that
// takes longer is ended, alone, and counts as one without an answer, unless a
// whole envelope came: that is the answer. Reading the body that a call returned
// is not bounded by it: that is for http.Client.Timeout or the context. It is off
// by default.
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

// WithService sets the service of requests that do not name it themselves: those
// to a host of your own, whose Authorization has no credential scope yet. It is
// for rules that are scoped to a service or an action, for [WithClientTokens] and
// for hooks. The name is the one in the API's host names, "cvm" for
// cvm.tencentcloudapi.com. You do not need it for hosts of the API, for requests
// that are signed with TC3-HMAC-SHA256 outside the Transport, nor above a base
// that signs and knows its service, as a tc3.Transport does with its field
// Service: the base has a method
//
//	ServiceOf(*http.Request) string
//
// that returns "" if it does not know, and may be called from many goroutines.
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
