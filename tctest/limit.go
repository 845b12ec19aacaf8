package tctest

import (
	"fmt"
	"time"
)

// A LimitKind says how the API counts attempts against a limit per second.
type LimitKind uint8

const (
	// FixedWindow counts from each full second to the next, as the API does.
	FixedWindow LimitKind = iota
	// SlidingWindow counts the second before each attempt.
	SlidingWindow
	// TokenBucket holds the tokens of one second and is refilled steadily; an
	// attempt takes one token. A throttled attempt takes none: there is none.
	TokenBucket
)

// RateLimit sets how many attempts per second of an action the API accepts, counted
// separately for each access host and credential. Attempts over the limit are
// throttled: not executed, code RequestLimitExceeded, with the count and the limit in
// the message. Throttled attempts count as well. A later call for the same action
// changes the limit and keeps the count; 0 or less removes the limit. The action ""
// stands for every action without a limit of its own, each counted separately.
func (api *API) RateLimit(action string, perSecond int, kind LimitKind, opts ...ThrottleOption) {
	api.mu.Lock()
	defer api.mu.Unlock()
	if perSecond <= 0 {
		delete(api.limits, action)
		return
	}
	api.limits[action] = limitRule{limit: perSecond, kind: kind, opts: opts}
}

// A ThrottleOption sets the text of a throttling response.
type ThrottleOption func(*throttle)

// Chinese makes the message the one that the API has for Language zh-CN.
func Chinese() ThrottleOption { return func(t *throttle) { t.chinese = true } }

// WithoutCounts leaves the count and the limit out of the message.
func WithoutCounts() ThrottleOption { return func(t *throttle) { t.withoutCounts = true } }

// WithCounts sets the count and the limit of a [Throttle], 21 and 20 by default.
// [API.RateLimit] has its own.
func WithCounts(count, limit int) ThrottleOption {
	return func(t *throttle) { t.count, t.limit = count, limit }
}

// SubCode makes the code RequestLimitExceeded.sub: "UinLimitExceeded",
// "IPLimitExceeded", "GlobalRegionUinLimitExceeded" or a product's own.
func SubCode(sub string) ThrottleOption { return func(t *throttle) { t.sub = sub } }

// throttle is the text of one throttling response.
type throttle struct {
	count, limit  int
	sub           string
	chinese       bool
	withoutCounts bool
}

func (t throttle) code() string {
	if t.sub == "" {
		return "RequestLimitExceeded"
	}
	return "RequestLimitExceeded." + t.sub
}

// message is the API's text in either language, as public logs have it.
func (t throttle) message() string {
	switch {
	case t.withoutCounts && t.chinese:
		return "请求的次数超过了频率限制。"
	case t.withoutCounts:
		return "The number of requests exceeds the frequency limit."
	case t.chinese:
		return fmt.Sprintf("您当前每秒请求 `%d` 次，超过了每秒频率上限 `%d`，请稍后重试。", t.count, t.limit)
	default:
		return fmt.Sprintf("Your current request times equals to `%d` in a second, which exceeds the frequency limit `%d`"+
			" for a second. Please reduce the frequency of calls.", t.count, t.limit)
	}
}

// limitRule is the rate limit of an action.
type limitRule struct {
	limit int
	kind  LimitKind
	opts  []ThrottleOption
}

// limitKey is what attempts are counted by.
type limitKey struct{ host, action, secretID string }

// window counts the attempts of one key.
type window struct {
	second  int64       // the second that count is of
	count   int         // attempts in it
	recent  []time.Time // attempts of the last second, for SlidingWindow
	tokens  float64     // for TokenBucket: 0 <= tokens <= limit
	updated time.Time   // when tokens was updated; zero before the first attempt
}

// overLimit counts an attempt, and returns the throttling response if it is over the
// limit. It requires that mu is held.
func (api *API) overLimit(c Attempt) (Reply, bool) {
	rule, ok := api.limits[c.Action]
	if !ok {
		if rule, ok = api.limits[""]; !ok {
			return Reply{}, false
		}
	}
	key := limitKey{c.Host, c.Action, c.SecretID}
	w := api.windows[key]
	if w == nil {
		w = &window{}
		api.windows[key] = w
	}
	count, accepted := w.arrive(c.Time, rule)
	if accepted {
		return Reply{}, false
	}
	counts := func(t *throttle) { t.count, t.limit = count, rule.limit }
	opts := append(append([]ThrottleOption{}, rule.opts...), counts)
	a := Throttle(opts...)
	a.name = "RateLimit"
	return a, true
}

// arrive counts an attempt at now. It returns the number of attempts in the second,
// this one included, and whether the limit permits it.
func (w *window) arrive(now time.Time, rule limitRule) (count int, accepted bool) {
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
		// With a tolerance: an attempt every 1/limit seconds must not be
		// throttled because the sum was rounded.
		if w.tokens < 1-1e-6 {
			return max(w.count, rule.limit+1), false
		}
		w.tokens = max(0, w.tokens-1)
		return w.count, true
	default:
		return w.count, w.count <= rule.limit
	}
}
