package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// body is the JSON object of -json or of the -param flags, and an error that joins every invalid value.
func (o options) body() (body string, wrong []error) {
	if o.json != "" && len(o.params) > 0 {
		wrong = append(wrong, errors.New("-json and -param: want one of them"))
	}
	if o.json == "" {
		body, more := object(o.params)
		return body, append(wrong, more...)
	}
	var value any
	if err := json.Unmarshal([]byte(o.json), &value); err != nil {
		wrong = append(wrong, fmt.Errorf("-json: %w", err))
	} else if _, ok := value.(map[string]any); !ok {
		wrong = append(wrong, errors.New("-json: want an object"))
	}
	_, more := object(o.params)
	return o.json, append(wrong, more...)
}

// object makes a JSON object of Name=value pairs, in their order.
func object(pairs []string) (body string, wrong []error) {
	var members [][]byte
	seen := map[string]bool{}
	for _, pair := range pairs {
		name, text, ok := strings.Cut(pair, "=")
		switch {
		case !ok || name == "":
			wrong = append(wrong, fmt.Errorf("-param %q: want Name=value", pair))
		case seen[name]:
			wrong = append(wrong, fmt.Errorf("-param %s: duplicate name", name))
		}
		seen[name] = true
		key, _ := json.Marshal(name) // a text always has JSON
		value := []byte(text)
		if !json.Valid(value) {
			value, _ = json.Marshal(text)
		}
		members = append(members, append(append(key, ':'), value...))
	}
	return "{" + string(bytes.Join(members, []byte(","))) + "}", wrong
}
