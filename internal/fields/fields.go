// Package fields reads JSON objects strictly: a field that is unknown, there twice
// or of the wrong kind is an invalid value with its path, and one of them does not
// hide another.
package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field is a field of an object. Objects are lists of fields here, because a map
// would hide that a field is there twice.
type Field struct {
	Name  string
	Value any
}

// Parse returns the one value that data holds: nil, bool, string, json.Number,
// []any or []Field.
func Parse(data []byte) (any, error) {
	// Unmarshal reads all of data first, what follows the value too.
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			before := data[:min(syntax.Offset, int64(len(data)))]
			return nil, fmt.Errorf("line %d: not JSON: %w", bytes.Count(before, []byte("\n"))+1, err)
		}
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(whole))
	decoder.UseNumber()
	return parseValue(decoder)
}

// parseValue reads one value. Its depth is bounded: Unmarshal has refused more.
func parseValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	switch token {
	case json.Delim('{'):
		object := []Field{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, fmt.Errorf("not JSON: %w", err)
			}
			value, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			object = append(object, Field{fmt.Sprint(name), value})
		}
		_, err = d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := parseValue(d)
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

// Invalid is a value that is not accepted.
type Invalid struct {
	// Path is where it is, such as codes["InternalError"].maxAttempts; "" is the
	// whole.
	Path string
	// Value is the value, nil if there is none to show.
	Value any
	// Reason says what is wrong with it, and what is accepted.
	Reason string
}

// Decoder turns values of [Parse] into Go values. What is not valid is added to
// Invalid and left zero.
type Decoder struct{ Invalid []Invalid }

// Reader reads the value of the field of an object that has its name.
type Reader struct {
	Name string
	Read func(path string, value any)
}

// Add adds an invalid value.
func (d *Decoder) Add(path string, value any, reason string) {
	d.Invalid = append(d.Invalid, Invalid{path, value, reason})
}

// Wrong adds a value that is not of the kind that is wanted.
func (d *Decoder) Wrong(path string, value any, want string) {
	switch value.(type) {
	case nil:
		d.Add(path, nil, "null: "+want)
	case []any:
		d.Add(path, nil, "a list: "+want)
	case []Field:
		d.Add(path, nil, "an object: "+want)
	default:
		d.Add(path, value, want)
	}
}

// Object reads the fields of an object, each by the reader of its name.
func (d *Decoder) Object(path string, value any, readers []Reader) {
	for _, f := range d.Fields(path, value, Path) {
		at := Path(path, f.Name)
		i := slices.IndexFunc(readers, func(r Reader) bool { return r.Name == f.Name })
		if i < 0 {
			names := make([]string, len(readers))
			for i, r := range readers {
				names[i] = r.Name
			}
			d.Add(at, nil, "unknown field, want one of "+strings.Join(names, ", "))
			continue
		}
		readers[i].Read(at, f.Value)
	}
}

// Fields returns the fields of an object, each name once. The path of a field is
// made of that of the object and its name.
func (d *Decoder) Fields(path string, value any, at func(path, name string) string) []Field {
	object, ok := value.([]Field)
	if !ok {
		d.Wrong(path, value, "want an object")
	}
	seen := make(map[string]bool, len(object))
	return slices.DeleteFunc(object, func(f Field) bool {
		again := seen[f.Name]
		if again {
			d.Add(at(path, f.Name), nil, "there twice")
		}
		seen[f.Name] = true
		return again
	})
}

// KeyPath is the path of the value under a key of a map.
func KeyPath(path, key string) string { return fmt.Sprintf("%s[%q]", path, key) }

// plain is a name that needs no quotes in a path.
var plain = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Path is the path of a field with a name of any form.
func Path(path, name string) string {
	if !plain.MatchString(name) {
		return KeyPath(path, name)
	}
	return strings.TrimPrefix(path+"."+name, ".")
}

// Int returns a reader of a whole number.
func (d *Decoder) Int(to *int) func(string, any) {
	return func(path string, value any) {
		n, _ := value.(json.Number)
		i, err := strconv.Atoi(n.String())
		if err != nil {
			d.Wrong(path, value, "want a whole number")
			return
		}
		*to = i
	}
}

// Bool reads true or false.
func (d *Decoder) Bool(path string, value any) (b, ok bool) {
	if b, ok = value.(bool); !ok {
		d.Wrong(path, value, "want true or false")
	}
	return b, ok
}

// Float reads a number; want says which are accepted.
func (d *Decoder) Float(path string, value any, want string) (float64, bool) {
	n, _ := value.(json.Number)
	f, err := strconv.ParseFloat(n.String(), 64)
	if err != nil {
		d.Wrong(path, value, want)
		return 0, false
	}
	return f, true
}

// Duration returns a reader of a duration as [time.ParseDuration] takes it.
func (d *Decoder) Duration(to *time.Duration) func(string, any) {
	return func(path string, value any) {
		text, _ := value.(string)
		duration, err := time.ParseDuration(text)
		if err != nil {
			d.Wrong(path, value, `want a string such as "500ms", "2s" or "1m30s"`)
			return
		}
		*to = duration
	}
}
