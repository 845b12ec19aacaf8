package tctest

import (
	"fmt"
	"time"
)

// LimitKind is how the API counts the attempts of a second.
type LimitKind uint8

const (
	// FixedWindow counts from each full second to the next, as the API does.
	FixedWindow LimitKind = iota
	// SlidingWindow counts the second before each attempt.
	SlidingWindow
	// TokenBucket holds a second's worth of tokens, filled steadily; an attempt
	// takes one. A rejected attempt takes none: there is none to take.
	TokenBucket
)

// RateLimit sets how many attempts of an action a second the API takes, counted for
// each access host and credential. What is over it is rejected: not executed,
// code RequestLimitExceeded, with the count and the limit in the text. Rejected
// attempts count as well. A later Quota of the same action changes the number
// and keeps the count; 0 or less removes it. The action "" stands for every
// action that has no quota of its own, each counted for itself.
func (api *API) RateLimit(action string, perSecond int, kind LimitKind, opts ...ThrottleOption) {
	api.mu.Lock()
	defer api.mu.Unlock()
	if perSecond <= 0 {
		delete(api.quotas, action)
		return
	}
	api.quotas[action] = quotaRule{limit: perSecond, kind: kind, opts: opts}
}

// A ThrottleOption says how a rejection is worded.
type ThrottleOption func(*throttle)

// Chinese words the rejection as the API does for Language zh-CN.
func Chinese() ThrottleOption { return func(t *throttle) { t.chinese = true } }

// WithoutCounts leaves the count and the limit out of the text.
func WithoutCounts() ThrottleOption { return func(t *throttle) { t.mute = true } }

// WithCounts sets the count and the limit of a [Throttle]. A quota has its own.
func WithCounts(count, limit int) ThrottleOption {
	return func(t *throttle) { t.count, t.limit = count, limit }
}

// SubCode makes the code RequestLimitExceeded.sub: "UinLimitExceeded",
// "IPLimitExceeded", "GlobalRegionUinLimitExceeded" or a product's own.
func SubCode(sub string) ThrottleOption { return func(t *throttle) { t.sub = sub } }

// throttle is one rejection.
type throttle struct {
	count, limit int
	sub          string
	chinese      bool
	mute         bool
}

func (t throttle) code() string {
	if t.sub == "" {
		return "RequestLimitExceeded"
	}
	return "RequestLimitExceeded." + t.sub
}

// message is the API's text; public logs have both.
func (t throttle) message() string {
	switch {
	case t.mute && t.chinese:
		return "请求的次数超过了频率限制。"
	case t.mute:
		return "The number of requests exceeds the frequency limit."
	case t.chinese:
		return fmt.Sprintf("您当前每秒请求 `%d` 次，超过了每秒频率上限 `%d`，请稍后重试。", t.count, t.limit)
	default:
		return fmt.Sprintf("Your current request times equals to `%d` in a second, which exceeds the frequency limit `%d`"+
			" for a second. Please reduce the frequency of calls.", t.count, t.limit)
	}
}

// quotaRule is the quota of an action.
type quotaRule struct {
	limit int
	kind  LimitKind
	opts  []ThrottleOption
}

// quotaKey is what attempts are counted by.
type quotaKey struct{ host, action, secretID string }

// window counts the attempts of one key.
type window struct {
	second  int64       // the second that count is of
	count   int         // attempts in it
	recent  []time.Time // attempts of the last second, for SlidingWindow
	tokens  float64     // for TokenBucket: 0 <= tokens <= limit
	updated time.Time   // when tokens was right; zero before the first attempt
}

// overQuota counts an attempt, and rejects it if it is over the quota. It
// requires that mu is held.
func (api *API) overQuota(c Attempt) (Reply, bool) {
	rule, ok := api.quotas[c.Action]
	if !ok {
		if rule, ok = api.quotas[""]; !ok {
			return Reply{}, false
		}
	}
	key := quotaKey{c.Host, c.Action, c.SecretID}
	w := api.windows[key]
	if w == nil {
		w = &window{}
		api.windows[key] = w
	}
	count, taken := w.arrive(c.Time, rule)
	if taken {
		return Reply{}, false
	}
	numbers := func(t *throttle) { t.count, t.limit = count, rule.limit }
	opts := append(append([]ThrottleOption{}, rule.opts...), numbers)
	a := Throttle(opts...)
	a.name = "Quota"
	return a, true
}

// arrive counts an attempt at now. It returns the number of attempts in the
// second, this one included, and whether the quota takes it.
func (w *window) arrive(now time.Time, rule quotaRule) (count int, taken bool) {
	if second := now.Unix(); second != w.second {
		w.second, w.count = second, 0
	}
	w.count++
	switch rule.kind {
	case SlidingWindow:
		old := 0
		for old < len(w.recent) && now.Sub(w.recent[old]) >= time.Second {
			old++
		}
		w.recent = append(w.recent[old:], now)
		return len(w.recent), len(w.recent) <= rule.limit
	case TokenBucket:
		limit := float64(rule.limit)
		if w.updated.IsZero() {
			w.tokens = limit
		} else {
			w.tokens = min(limit, w.tokens+now.Sub(w.updated).Seconds()*limit)
		}
		w.updated = now
		// A hair of tolerance: an attempt every 1/limit s must not be
		// rejected for the rounding of the sum.
		if w.tokens < 1-1e-6 {
			return max(w.count, rule.limit+1), false
		}
		w.tokens = max(0, w.tokens-1)
		return w.count, true
	default:
		return w.count, w.count <= rule.limit
	}
}
