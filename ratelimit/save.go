package ratelimit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/tcretry/tcretry/internal/clock"
)

// The format of what Save writes.
const (
	saveVersion = 1
	// maxSaved limits what Load reads, in bytes: two thousand keys take a tenth of it.
	maxSaved = 4 << 20
	// maxSavedAge is the age from which on a saved limit is not used: what the API states
	// may have changed, and a program that runs for seconds does not probe.
	maxSavedAge = 7 * 24 * time.Hour
)

// saved is the form of what Save writes.
type saved struct {
	Version int          `json:"version"`
	Limits  []savedLimit `json:"limits"`
}

// savedLimit is what was learned of one host and action.
type savedLimit struct {
	Host      string    `json:"host"`
	Action    string    `json:"action"`
	Limit     int       `json:"limit,omitempty"` // per second, 0 if it is not known
	Rate      float64   `json:"rate,omitempty"`  // per second, of a limit that is shared or not known
	LearnedAt time.Time `json:"learnedAt"`
}

// loadedKey is a key without its credential.
type loadedKey struct{ host, action string }

// Save writes what was learned of the limits as JSON, for [Adaptive.Load] in the next run of
// a program that runs for seconds. It contains hosts and actions, limits and times, and no
// credential: of several credentials with the same action the lowest limit is written. It
// may be called from any goroutine.
func (a *Adaptive) Save(w io.Writer) error {
	limits := map[loadedKey]savedLimit{}
	if loaded := a.loaded.Load(); loaded != nil {
		maps.Copy(limits, *loaded) // of keys that were not used
	}
	fresh := map[loadedKey]bool{}
	a.keys.All(func(_ Key, l *keyLimiter) {
		l.mu.Lock()
		defer l.mu.Unlock()
		key := loadedKey{l.key.Host, l.key.Action}
		s, ok := l.controller.save()
		if before := limits[key]; !ok || fresh[key] && before.slower(s) {
			return
		}
		s.Host, s.Action = key.host, key.action
		limits[key], fresh[key] = s, true
	})
	out := saved{Version: saveVersion, Limits: slices.AppendSeq([]savedLimit{}, maps.Values(limits))}
	slices.SortFunc(out.Limits, func(x, y savedLimit) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Action, y.Action))
	})
	text, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("tcretry: saving limits: %w", err)
	}
	return nil
}

// Load reads what [Adaptive.Save] wrote, before the first use of a: keys start at their saved
// limits. A limit that the API stated more than seven days ago is ignored, and so is an entry
// that is not valid, which the error names. If the file is damaged as a whole, nothing is
// loaded. The Adaptive works after any error, as without the file.
func (a *Adaptive) Load(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxSaved+1))
	switch {
	case err != nil:
		return fmt.Errorf("tcretry: loading limits: %w", err)
	case len(text) > maxSaved:
		return fmt.Errorf("tcretry: loading limits: more than %d bytes", maxSaved)
	}
	var in saved
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("tcretry: loading limits: %w", err)
	}
	if in.Version != saveVersion {
		return fmt.Errorf("tcretry: loading limits: version %d: want %d", in.Version, saveVersion)
	}
	loaded, now := map[loadedKey]savedLimit{}, time.Now()
	var errs []error
	for _, s := range in.Limits {
		if err := s.validate(); err != nil {
			errs = append(errs, err)
		} else if age := now.Sub(s.LearnedAt); age < maxSavedAge && age > -maxSavedAge {
			loaded[loadedKey{s.Host, s.Action}] = s
		}
	}
	a.loaded.Store(&loaded)
	return errors.Join(errs...)
}

// validate returns why an entry cannot be used.
func (s savedLimit) validate() error {
	reason := ""
	switch {
	case s.Limit < 0 || s.Limit > maxLimit:
		reason = fmt.Sprintf("limit %d: want 0 to %d", s.Limit, maxLimit)
	case s.Rate < 0 || s.Rate > float64(maxLimit): // JSON has no NaN
		reason = fmt.Sprintf("rate %v: want 0 to %d", s.Rate, maxLimit)
	case s.Limit == 0 && s.Rate == 0:
		reason = "neither a limit nor a rate"
	default:
		return nil
	}
	return fmt.Errorf("tcretry: loading limits: %q of %q: %s", s.Action, s.Host, reason)
}

// slower reports whether s permits less than other.
func (s savedLimit) slower(other savedLimit) bool { return s.perSecond() < other.perSecond() }

func (s savedLimit) perSecond() float64 {
	if s.Rate > 0 {
		return s.Rate
	}
	return float64(s.Limit)
}

// loadedLimit returns what Load has read of the key.
func (a *Adaptive) loadedLimit(key Key) (savedLimit, bool) {
	loaded := a.loaded.Load()
	if loaded == nil {
		return savedLimit{}, false
	}
	s, ok := (*loaded)[loadedKey{key.Host, key.Action}]
	return s, ok
}

// save returns what was learned; false if nothing was.
func (c *controller) save() (savedLimit, bool) {
	if c.mode == Open || c.learnedAt == 0 {
		return savedLimit{}, false
	}
	s := savedLimit{Limit: c.limit, LearnedAt: clock.Time(c.learnedAt).UTC().Truncate(time.Second)}
	if c.mode == Shared {
		s.Rate = math.Round(c.rate*1000) / 1000
	}
	return s, s.Limit > 0 || s.Rate > 0
}

// restore starts a new controller where a saved one ended.
func (c *controller) restore(now time.Duration, s savedLimit) {
	learned := clock.Of(s.LearnedAt)
	if s.Rate == 0 {
		c.start(now, s.Limit)
		c.learnedAt = learned
		return
	}
	c.advance(now)
	c.limit, c.learnedAt = s.Limit, learned
	// The second after the burst that began the mode was over in the run that ended.
	c.mode, c.since, c.throttledAt = Shared, now-limitWindow, now
	c.sharedRate = sharedRate{
		rate: s.Rate, congestedSince: now, cutAt: now - limitWindow, meanInterval: firstInterval, atLimitSince: never,
	}
}
