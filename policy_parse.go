package tcretry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tcretry/tcretry/internal/codes"
)

// policyLimit bounds what ParsePolicy reads: a rule for every documented code
// takes a fraction of it.
const policyLimit = 1 << 20

// ParsePolicy reads a policy from JSON: an object with the fields of [Policy],
// the first letter small. Durations are strings as [time.ParseDuration] takes
// them, "500ms" or "1m30s"; classes are names, "throttled"; a jitter of 0 means
// none. A "$schema" at the top is for editors, see [PolicySchema]. Other unknown
// fields, repeated ones and whatever follows the object are
// mistakes, as is everything that [Policy.Validate] refuses. It returns every
// mistake, each a [PolicyError] with the path in the JSON, joined.
func ParsePolicy(r io.Reader) (Policy, error) {
	data, err := io.ReadAll(io.LimitReader(r, policyLimit+1))
	if err != nil {
		return Policy{}, fmt.Errorf("tcretry: policy: %w", err)
	}
	return parsePolicy(data)
}

func parsePolicy(data []byte) (Policy, error) {
	if len(data) > policyLimit {
		return Policy{}, &PolicyError{Reason: fmt.Sprintf("want at most %d bytes of JSON", policyLimit)}
	}
	value, err := parseJSON(data)
	if err != nil {
		return Policy{}, err
	}
	d := policyDecoder{mistakes{json: true}}
	p := d.read(value)
	d.policy(p)
	if err := d.join(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// jsonField is a field of an object. Objects are lists of fields here, because a
// map would hide that a field is there twice.
type jsonField struct {
	name  string
	value any
}

// parseJSON returns the one value that data holds: nil, bool, string,
// json.Number, []any or []jsonField.
func parseJSON(data []byte) (any, error) {
	// Unmarshal looks at all of data first, what follows the value too.
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			before := data[:min(max(syntax.Offset, 0), int64(len(data)))]
			return nil, &PolicyError{Reason: fmt.Sprintf("line %d: not JSON: %v", bytes.Count(before, []byte("\n"))+1, err)}
		}
		return nil, &PolicyError{Reason: fmt.Sprintf("not JSON: %v", err)}
	}
	decoder := json.NewDecoder(bytes.NewReader(whole))
	decoder.UseNumber()
	return jsonValue(decoder)
}

// jsonValue reads one value. Its depth is bounded: Unmarshal has refused more.
func jsonValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, &PolicyError{Reason: fmt.Sprintf("not JSON: %v", err)}
	}
	switch token {
	case json.Delim('{'):
		object := []jsonField{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, &PolicyError{Reason: fmt.Sprintf("not JSON: %v", err)}
			}
			value, err := jsonValue(d)
			if err != nil {
				return nil, err
			}
			object = append(object, jsonField{fmt.Sprint(name), value})
		}
		_, err = d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := jsonValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

// policyDecoder turns JSON values into a Policy. What is wrong is noted and left
// zero, so that one mistake does not hide another.
type policyDecoder struct{ mistakes }

// reader reads the value of the field of an object that has its name.
type reader struct {
	name string
	read func(path string, value any)
}

func (d *policyDecoder) read(value any) (p Policy) {
	d.object("", withoutSchema(value), []reader{
		{"maxAttempts", d.number(&p.MaxAttempts)},
		{"maxElapsed", d.duration(&p.MaxElapsed)},
		{"maxDelay", d.duration(&p.MaxDelay)},
		{"codes", func(path string, value any) {
			fields := d.fields(path, value, keyPath)
			for _, f := range fields {
				if p.Codes == nil {
					p.Codes = make(map[string]Rule, len(fields))
				}
				p.Codes[f.name] = d.readRule(keyPath(path, f.name), f.value)
			}
		}},
	})
	return p
}

// withoutSchema returns an object less the field by which editors find its schema.
func withoutSchema(value any) any {
	fields, ok := value.([]jsonField)
	if !ok {
		return value
	}
	return slices.DeleteFunc(fields, func(f jsonField) bool {
		_, text := f.value.(string)
		return f.name == "$schema" && text
	})
}

func (d *policyDecoder) readRule(path string, value any) (r Rule) {
	d.object(path, value, []reader{
		{"class", d.class(&r.Class)},
		{"maxAttempts", d.number(&r.MaxAttempts)},
		{"maxElapsed", d.duration(&r.MaxElapsed)},
		{"backoff", func(path string, value any) { r.Backoff = d.readBackoff(path, value) }},
		{"rateLimit", func(path string, value any) {
			limited, ok := d.boolean(path, value)
			switch {
			case !ok:
			case limited:
				r.RateLimit = RateLimited
			default:
				r.RateLimit = NotRateLimited
			}
		}},
		{"idempotentOnly", func(path string, value any) { r.IdempotentOnly, _ = d.boolean(path, value) }},
	})
	return r
}

func (d *policyDecoder) readBackoff(path string, value any) (b Backoff) {
	d.object(path, value, []reader{
		{"initial", d.duration(&b.Initial)},
		{"max", d.duration(&b.Max)},
		{"multiplier", func(path string, value any) {
			b.Multiplier, _ = d.float(path, value, "want a number, 1 or more")
		}},
		{"jitter", func(path string, value any) {
			const want = "want a number from 0, which means none, to 1"
			jitter, ok := d.float(path, value, want)
			switch {
			case !ok:
			case jitter < 0 || jitter > 1:
				d.wrong(path, value, want)
			case jitter == 0:
				b.Jitter = NoJitter
			default:
				b.Jitter = jitter
			}
		}},
	})
	return b
}

// object reads the fields of an object, each by the reader of its name.
func (d *policyDecoder) object(path string, value any, readers []reader) {
	for _, f := range d.fields(path, value, fieldPath) {
		at := fieldPath(path, f.name)
		i := slices.IndexFunc(readers, func(r reader) bool { return r.name == f.name })
		if i < 0 {
			names := make([]string, len(readers))
			for i, r := range readers {
				names[i] = r.name
			}
			d.add(at, nil, "unknown field, want one of "+strings.Join(names, ", "))
			continue
		}
		readers[i].read(at, f.value)
	}
}

// fields returns the fields of an object, each name once. The path of a field is
// made of that of the object and its name.
func (d *policyDecoder) fields(path string, value any, at func(path, name string) string) []jsonField {
	fields, ok := value.([]jsonField)
	if !ok {
		d.wrong(path, value, "want an object")
	}
	seen := make(map[string]bool, len(fields))
	return slices.DeleteFunc(fields, func(f jsonField) bool {
		again := seen[f.name]
		if again {
			d.add(at(path, f.name), nil, "there twice")
		}
		seen[f.name] = true
		return again
	})
}

// fieldPath is the path of a field with a name of any form.
func fieldPath(path, name string) string {
	if !codes.IsWord(name, false) {
		return keyPath(path, name)
	}
	return strings.TrimPrefix(path+"."+name, ".")
}

func (d *policyDecoder) number(to *int) func(string, any) {
	return func(path string, value any) {
		n, _ := value.(json.Number)
		i, err := strconv.Atoi(n.String())
		if err != nil {
			d.wrong(path, value, "want a whole number")
			return
		}
		*to = i
	}
}

func (d *policyDecoder) boolean(path string, value any) (b, ok bool) {
	if b, ok = value.(bool); !ok {
		d.wrong(path, value, "want true or false")
	}
	return b, ok
}

func (d *policyDecoder) float(path string, value any, want string) (float64, bool) {
	n, _ := value.(json.Number)
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		d.wrong(path, value, want)
		return 0, false
	}
	return f, true
}

func (d *policyDecoder) duration(to *time.Duration) func(string, any) {
	return func(path string, value any) {
		text, _ := value.(string)
		duration, err := time.ParseDuration(text)
		if err != nil {
			d.wrong(path, value, `want a string such as "500ms", "2s" or "1m30s"`)
			return
		}
		*to = duration
	}
}

func (d *policyDecoder) class(to *Class) func(string, any) {
	return func(path string, value any) {
		name, _ := value.(string)
		class, ok := classNamed(name)
		if !ok || class == Undecided {
			d.wrong(path, value, "want one of "+classChoice())
			return
		}
		*to = class
	}
}

// wrong notes a value that is not of the kind that is wanted.
func (d *policyDecoder) wrong(path string, value any, want string) {
	switch value.(type) {
	case nil:
		d.add(path, nil, "null: "+want)
	case []any:
		d.add(path, nil, "a list: "+want)
	case []jsonField:
		d.add(path, nil, "an object: "+want)
	default:
		d.add(path, value, want)
	}
}
