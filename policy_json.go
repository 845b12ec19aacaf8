package tcretry

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tcretry/tcretry/internal/fields"
)

// The JSON form of a policy has the fields of [Policy] with a small first letter.
// Zero fields are left out:
//
//	{
//	  "maxAttempts": 5,
//	  "maxElapsed": "1m30s",
//	  "codes": {
//	    "InternalError": {"class": "terminal"},
//	    "cvm:ResourceInUse": {"maxAttempts": 3, "backoff": {"initial": "5s", "jitter": 0.5}}
//	  },
//	  "limits": {"cvm": 10, "cvm.DescribeInstances": 20}
//	}
//

type policyJSON struct {
	MaxAttempts int                 `json:"maxAttempts,omitempty"`
	MaxElapsed  string              `json:"maxElapsed,omitempty"`
	MaxDelay    string              `json:"maxDelay,omitempty"`
	Codes       map[string]ruleJSON `json:"codes,omitempty"`
	Limits      map[string]int      `json:"limits,omitempty"`
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

// MarshalJSON returns the JSON form of p; [ParsePolicy] returns the same policy for it.
// It returns an error if p is invalid or has a Backoff.New.
func (p Policy) MarshalJSON() ([]byte, error) {
	var found policyErrors
	found.policy(p)
	for _, key := range slices.Sorted(maps.Keys(p.Codes)) {
		if p.Codes[key].Backoff.New != nil {
			found.add(fields.KeyPath("Codes", key)+".Backoff.New", nil, "a function cannot be written as JSON")
		}
	}
	if err := found.join(); err != nil {
		return nil, err
	}
	out := policyJSON{
		MaxAttempts: p.MaxAttempts,
		MaxElapsed:  durationText(p.MaxElapsed),
		MaxDelay:    durationText(p.MaxDelay),
		Codes:       make(map[string]ruleJSON, len(p.Codes)),
		Limits:      p.Limits,
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
			// In JSON a missing field is the zero value, so that 0 can mean none.
			jitter := max(b.Jitter, 0)
			out.Backoff.Jitter = &jitter
		}
	}
	return out
}

// UnmarshalJSON reads the JSON form of a policy, as [ParsePolicy] does. If it returns
// an error, p is unchanged.
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

// maxPolicyBytes limits the JSON of a policy: a rule for every documented code takes a
// fraction of it.
const maxPolicyBytes = 1 << 20

// ParsePolicy reads a policy from JSON of at most 1 MiB: an object with the fields of
// [Policy], the first letter small. Durations are strings as for [time.ParseDuration],
// "500ms" or "1m30s"; classes are names, "throttled"; a jitter of 0 means none. A
// "$schema" at the top is for editors, see [PolicySchema]. Other unknown fields,
// duplicate fields and data after the object are errors, as is everything that
// [Policy.Validate] reports. The error joins all of them, each a *[PolicyError] with its
// path in the JSON.
func ParsePolicy(r io.Reader) (Policy, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPolicyBytes+1))
	if err != nil {
		return Policy{}, fmt.Errorf("tcretry: policy: %w", err)
	}
	return parsePolicy(data)
}

func parsePolicy(data []byte) (Policy, error) {
	if len(data) > maxPolicyBytes {
		return Policy{}, &PolicyError{Reason: fmt.Sprintf("want at most %d bytes of JSON", maxPolicyBytes)}
	}
	value, err := fields.Parse(data)
	if err != nil {
		return Policy{}, &PolicyError{Reason: err.Error()}
	}
	var d policyDecoder
	p := d.read(value)
	found := policyErrors{json: true}
	for _, invalid := range d.Invalid {
		found.list = append(found.list, (*PolicyError)(&invalid))
	}
	found.policy(p)
	if err := found.join(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// policyDecoder decodes JSON values as a Policy.
type policyDecoder struct{ fields.Decoder }

func (d *policyDecoder) read(value any) (p Policy) {
	d.Object("", withoutSchema(value), []fields.Reader{
		{Name: "maxAttempts", Read: d.Int(&p.MaxAttempts)},
		{Name: "maxElapsed", Read: d.Duration(&p.MaxElapsed)},
		{Name: "maxDelay", Read: d.Duration(&p.MaxDelay)},
		{Name: "codes", Read: func(path string, value any) {
			codes := d.Fields(path, value, fields.KeyPath)
			for _, f := range codes {
				if p.Codes == nil {
					p.Codes = make(map[string]Rule, len(codes))
				}
				p.Codes[f.Name] = d.readRule(fields.KeyPath(path, f.Name), f.Value)
			}
		}},
		{Name: "limits", Read: func(path string, value any) {
			limits := d.Fields(path, value, fields.KeyPath)
			for _, f := range limits {
				if p.Limits == nil {
					p.Limits = make(map[string]int, len(limits))
				}
				n := 1 // so that a value of another kind is reported once
				d.Int(&n)(fields.KeyPath(path, f.Name), f.Value)
				p.Limits[f.Name] = n
			}
		}},
	})
	return p
}

// withoutSchema returns an object without the field by which editors find its schema.
func withoutSchema(value any) any {
	object, ok := value.([]fields.Field)
	if !ok {
		return value
	}
	return slices.DeleteFunc(object, func(f fields.Field) bool {
		_, text := f.Value.(string)
		return f.Name == "$schema" && text
	})
}

func (d *policyDecoder) readRule(path string, value any) (r Rule) {
	d.Object(path, value, []fields.Reader{
		{Name: "class", Read: d.class(&r.Class)},
		{Name: "maxAttempts", Read: d.Int(&r.MaxAttempts)},
		{Name: "maxElapsed", Read: d.Duration(&r.MaxElapsed)},
		{Name: "backoff", Read: func(path string, value any) { r.Backoff = d.readBackoff(path, value) }},
		{Name: "rateLimit", Read: func(path string, value any) {
			limited, ok := d.Bool(path, value)
			switch {
			case !ok:
			case limited:
				r.RateLimit = RateLimited
			default:
				r.RateLimit = NotRateLimited
			}
		}},
		{Name: "idempotentOnly", Read: func(path string, value any) { r.IdempotentOnly, _ = d.Bool(path, value) }},
	})
	return r
}

func (d *policyDecoder) readBackoff(path string, value any) (b Backoff) {
	d.Object(path, value, []fields.Reader{
		{Name: "initial", Read: d.Duration(&b.Initial)},
		{Name: "max", Read: d.Duration(&b.Max)},
		{Name: "multiplier", Read: func(path string, value any) {
			b.Multiplier, _ = d.Float(path, value, "want a number, 1 or more")
		}},
		{Name: "jitter", Read: func(path string, value any) {
			const want = "want a number from 0, which means none, to 1"
			jitter, ok := d.Float(path, value, want)
			switch {
			case !ok:
			case jitter < 0 || jitter > 1:
				d.Wrong(path, value, want)
			case jitter == 0:
				b.Jitter = NoJitter
			default:
				b.Jitter = jitter
			}
		}},
	})
	return b
}

func (d *policyDecoder) class(to *Class) func(string, any) {
	return func(path string, value any) {
		name, _ := value.(string)
		class, ok := classNamed(name)
		if !ok || class == Undecided {
			d.Wrong(path, value, "want one of "+classChoice())
			return
		}
		*to = class
	}
}

// MarshalText returns the name of the class in lower case. It returns no error.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a class in lower case. If it returns an error, c is
// unchanged.
func (c *Class) UnmarshalText(text []byte) error {
	class, ok := classNamed(string(text))
	if !ok {
		return errors.New("tcretry: class " + fmt.Sprintf("%q", text) + ": want one of " + strings.Join(classNames[:], ", "))
	}
	*c = class
	return nil
}

// durationText returns a duration as people write it, "2m" and not "2m0s"; "" for 0.
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

//go:generate go test -run TestTheSchemaIsThatOfTheTypes -update .

//go:embed policy.schema.json
var policySchema string

// PolicySchema returns the JSON Schema, draft 2020-12, of the policies that
// [ParsePolicy] reads: an editor completes and checks a policy with it. It is generated
// from the types. ParsePolicy also checks that no field is duplicate, that the initial
// interval of a backoff is at most its max and both are at most a day, and that integers
// are written without a fraction.
func PolicySchema() string { return policySchema }
