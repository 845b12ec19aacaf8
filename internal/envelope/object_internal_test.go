package envelope

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// objectBodies are beginnings of bodies, and the states after them.
var objectBodies = map[string]objectState{
	"": objectOpen, " \n": objectOpen, "\xef": objectOpen, "\xef\xbb\xbf": objectOpen, "\xef\xbb\xbf {": objectOpen,
	"{": objectOpen, `{"a":"}`: objectOpen, `{"a":"\"}`: objectOpen, `{"a":"\`: objectOpen, `{"a":[{}]`: objectOpen,
	`{"}":1`:                  objectOpen,
	"{}":                      objectComplete,
	" {} \r\n":                objectComplete,
	"\xef\xbb\xbf{}":          objectComplete,
	`{"a":"}"}`:               objectComplete,
	`{"a":"\\"}`:              objectComplete,
	`{"a":"\"}"}`:             objectComplete,
	`{"a":[{"b":[]}]}` + "\n": objectComplete,
	"a":                       notObject, "[": notObject, `"`: notObject, "1": notObject, "\x1f\x8b": notObject, "\xefa": notObject,
	"\n2026": notObject, "{}{": notObject, "{}\n{": notObject, "{},": notObject, `{"a":"}"}x`: notObject,
}

func TestObjectScan_DecidesWhetherABodyCanBeAnObject(t *testing.T) {
	for body, want := range objectBodies {
		require.Equal(t, want, new(objectScan).next([]byte(body)), "%q", body)
	}
}

// requireSteps requires that a body that arrives byte by byte ends in the same state as
// one that arrives whole, and that no state is taken back.
func requireSteps(t *testing.T, body []byte) {
	var whole, steps objectScan
	want, last := whole.next(body), objectOpen
	for i := range len(body) + 1 {
		state := steps.next(body[:i])
		require.GreaterOrEqual(t, state, last, "%q", body[:i])
		if last = state; state == notObject {
			break
		}
	}
	require.Equal(t, want, last, "%q", body)
	require.Equal(t, whole.end, steps.end)
}

func TestObjectScan_ReturnsTheSameHoweverTheBodyIsSplit(t *testing.T) {
	for body := range objectBodies {
		requireSteps(t, []byte(body))
	}
}

func FuzzObjectScan(f *testing.F) {
	for body := range objectBodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		requireSteps(t, body)
		var s objectScan
		state := s.next(body)
		text := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
		if trimmed := bytes.TrimLeft(text, " \t\r\n"); json.Valid(text) && trimmed[0] == '{' {
			require.Equal(t, objectComplete, state)
			require.Equal(t, len(body)-len(text)+len(bytes.TrimRight(text, " \t\r\n")), s.end)
		}
	})
}

func TestObjectScan_AllocatesNothing(t *testing.T) {
	body := []byte(`{"Response":{"Set":[` + strings.Repeat(`{"A":"b"},`, 1000) + `{}]}}`)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var s objectScan
		_ = s.next(body[:len(body)/2])
		_ = s.next(body)
	}))
}

func BenchmarkObjectScan(b *testing.B) {
	body := []byte(`{"Response":{"Set":[` + strings.Repeat(`{"InstanceId":"ins-r9hr2upy","State":"RUNNING","CPU":2},`, 1000) + `{}]}}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		new(objectScan).next(body)
	}
}
