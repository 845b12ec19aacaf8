package object_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/object"
)

// bodies are beginnings of bodies, and what they say.
var bodies = map[string]object.State{
	"": object.Open, " \n": object.Open, "\xef": object.Open, "\xef\xbb\xbf": object.Open, "\xef\xbb\xbf {": object.Open,
	"{": object.Open, `{"a":"}`: object.Open, `{"a":"\"}`: object.Open, `{"a":"\`: object.Open, `{"a":[{}]`: object.Open,
	`{"}":1`:                  object.Open,
	"{}":                      object.Complete,
	" {} \r\n":                object.Complete,
	"\xef\xbb\xbf{}":          object.Complete,
	`{"a":"}"}`:               object.Complete,
	`{"a":"\\"}`:              object.Complete,
	`{"a":"\"}"}`:             object.Complete,
	`{"a":[{"b":[]}]}` + "\n": object.Complete,
	"a":                       object.Other, "[": object.Other, `"`: object.Other, "1": object.Other, "\x1f\x8b": object.Other, "\xefa": object.Other,
	"\n2026": object.Other, "{}{": object.Other, "{}\n{": object.Other, "{},": object.Other, `{"a":"}"}x`: object.Other,
}

func TestAScanTellsWhatABodyCanBe(t *testing.T) {
	for body, want := range bodies {
		require.Equal(t, want, new(object.Scan).Next([]byte(body)), "%q", body)
	}
}

// requireSteps requires that a body that comes byte by byte ends as one that
// comes whole, and that what was told once stays.
func requireSteps(t *testing.T, body []byte) {
	var whole, steps object.Scan
	want, last := whole.Next(body), object.Open
	for i := range len(body) + 1 {
		state := steps.Next(body[:i])
		require.GreaterOrEqual(t, state, last, "%q", body[:i])
		if last = state; state == object.Other {
			break
		}
	}
	require.Equal(t, want, last, "%q", body)
	require.Equal(t, whole.End(), steps.End())
}

func TestAScanTellsTheSameHoweverTheBodyComes(t *testing.T) {
	for body := range bodies {
		requireSteps(t, []byte(body))
	}
}

func FuzzScan(f *testing.F) {
	for body := range bodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		requireSteps(t, body)
		var s object.Scan
		state := s.Next(body)
		text := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
		if trimmed := bytes.TrimLeft(text, " \t\r\n"); json.Valid(text) && trimmed[0] == '{' {
			require.Equal(t, object.Complete, state)
			require.Equal(t, len(body)-len(text)+len(bytes.TrimRight(text, " \t\r\n")), s.End())
		}
	})
}

func TestAScanCostsNoAllocation(t *testing.T) {
	body := []byte(`{"Response":{"Set":[` + strings.Repeat(`{"A":"b"},`, 1000) + `{}]}}`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var s object.Scan
		_ = s.Next(body[:len(body)/2])
		_ = s.Next(body)
	}))
}

func BenchmarkScan(b *testing.B) {
	body := []byte(`{"Response":{"Set":[` + strings.Repeat(`{"InstanceId":"ins-r9hr2upy","State":"RUNNING","CPU":2},`, 1000) + `{}]}}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		new(object.Scan).Next(body)
	}
}
