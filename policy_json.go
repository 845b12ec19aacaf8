package tcretry

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The JSON form of a policy has the fields of [Policy] with a small first
// letter, and none for a zero field:
//
//	{
//	  "maxAttempts": 5,
//	  "maxElapsed": "1m30s",
//	  "codes": {
//	    "InternalError": {"class": "terminal"},
//	    "cvm:ResourceInUse": {"maxAttempts": 3, "backoff": {"initial": "5s", "jitter": 0.5}}
//	  }
//	}
//
// Reading is in policy_parse.go; a test holds the two together.

type policyJSON struct {
	MaxAttempts int                 `json:"maxAttempts,omitempty"`
	MaxElapsed  string              `json:"maxElapsed,omitempty"`
	MaxDelay    string              `json:"maxDelay,omitempty"`
	Codes       map[string]ruleJSON `json:"codes,omitempty"`
}

type ruleJSON struct {
	Class          string       `json:"class,omitempty"`
	MaxAttempts    int          `json:"maxAttempts,omitempty"`
	MaxElapsed     string       `json:"maxElapsed,omitempty"`
	Backoff        *backoffJSON `json:"backoff,omitempty"`
	RateLimit      *bool        `json:"rateLimit,omitempty"`
	IdempotentOnly bool         `json:"idempotentOnly,omitempty"`
}

type backoffJSON struct {
	Initial    string   `json:"initial,omitempty"`
	Max        string   `json:"max,omitempty"`
	Multiplier float64  `json:"multiplier,omitempty"`
	Jitter     *float64 `json:"jitter,omitempty"`
}

// MarshalJSON returns the JSON that [ParsePolicy] reads back as the same policy.
// A policy that is not valid, or has a Backoff.New, has none.
func (p Policy) MarshalJSON() ([]byte, error) {
	var m mistakes
	m.policy(p)
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		if p.Codes[key].Backoff.New != nil {
			m.add(keyPath("Codes", key)+".Backoff.New", nil, "a function cannot be written as JSON")
		}
	}
	if err := m.join(); err != nil {
		return nil, err
	}
	out := policyJSON{
		MaxAttempts: p.MaxAttempts,
		MaxElapsed:  durationText(p.MaxElapsed),
		MaxDelay:    durationText(p.MaxDelay),
		Codes:       make(map[string]ruleJSON, len(p.Codes)),
	}
	for key, rule := range p.Codes {
		out.Codes[key] = rule.json()
	}
	return json.Marshal(out)
}

func (r Rule) json() ruleJSON {
	out := ruleJSON{
		MaxAttempts:    r.MaxAttempts,
		MaxElapsed:     durationText(r.MaxElapsed),
		IdempotentOnly: r.IdempotentOnly,
	}
	if r.Class != Undecided {
		out.Class = r.Class.String()
	}
	if r.RateLimit != RateLimitByClass {
		limited := r.RateLimit == RateLimited
		out.RateLimit = &limited
	}
	if b := r.Backoff; b.own() {
		out.Backoff = &backoffJSON{
			Initial:    durationText(b.Initial),
			Max:        durationText(b.Max),
			Multiplier: b.Multiplier,
		}
		if b.Jitter != 0 {
			// In JSON a missing field is the zero one, so that 0 can say none.
			jitter := max(b.Jitter, 0)
			out.Backoff.Jitter = &jitter
		}
	}
	return out
}

// UnmarshalJSON reads what [ParsePolicy] reads, and leaves p as it was unless
// all of it is right.
func (p *Policy) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil // by convention of encoding/json
	}
	parsed, err := parsePolicy(data)
	if err == nil {
		*p = parsed
	}
	return err
}

// MarshalText returns the name of the class in lower case.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a class in lower case.
func (c *Class) UnmarshalText(text []byte) error {
	class, ok := classNamed(string(text))
	if !ok {
		return errors.New("tcretry: class " + fmt.Sprintf("%q", text) + ": want one of " + strings.Join(classNames[:], ", "))
	}
	*c = class
	return nil
}

// durationText is a duration as people write it, "2m" and not "2m0s"; "" for 0.
func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	if cut, ok := strings.CutSuffix(text, "m0s"); ok {
		text = cut + "m"
	}
	if cut, ok := strings.CutSuffix(text, "h0m"); ok {
		text = cut + "h"
	}
	return text
}
