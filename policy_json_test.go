package tcretry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

const wholePolicy = `{
	"maxAttempts": 5,
	"maxElapsed": "1m30s",
	"maxDelay": "500ms",
	"codes": {
		"InternalError": {"class": "terminal"},
		"cvm:ResourceInUse": {"maxAttempts": 3, "maxElapsed": "10m", "backoff": {"initial": "5s", "max": "2m", "multiplier": 1.5, "jitter": 0.5}},
		"cvm.RunInstances:FailedOperation": {"class": "transient", "idempotentOnly": true, "backoff": {"jitter": 0}}
	}
}`

func TestAPolicyIsReadFromJSON(t *testing.T) {
	p, err := tcretry.ParsePolicy(strings.NewReader(wholePolicy))
	require.NoError(t, err)
	require.Equal(t, tcretry.Policy{
		MaxAttempts: 5,
		MaxElapsed:  90 * time.Second,
		MaxDelay:    500 * time.Millisecond,
		Codes: map[string]tcretry.Rule{
			"InternalError": {Class: tcretry.Terminal},
			"cvm:ResourceInUse": {MaxAttempts: 3, MaxElapsed: 10 * time.Minute, Backoff: tcretry.Backoff{
				Initial: 5 * time.Second, Max: 2 * time.Minute, Multiplier: 1.5, Jitter: 0.5,
			}},
			"cvm.RunInstances:FailedOperation": {
				Class: tcretry.Transient, IdempotentOnly: true, Backoff: tcretry.Backoff{Jitter: tcretry.NoJitter},
			},
		},
	}, p)
}

func TestTheSchemaOfAPolicyIsForEditors(t *testing.T) {
	p, err := tcretry.ParsePolicy(strings.NewReader(`{"$schema": "policy.schema.json", "maxAttempts": 3}`))
	require.NoError(t, err)
	require.Equal(t, tcretry.Policy{MaxAttempts: 3}, p)
	_, err = tcretry.ParsePolicy(strings.NewReader(`{"$schema": 1, "codes": {"$schema": "x"}}`))
	require.Len(t, lines(t, err), 3)
}

func TestAPolicyIsWrittenAsTheJSONItIsReadFrom(t *testing.T) {
	p, err := tcretry.ParsePolicy(strings.NewReader(wholePolicy))
	require.NoError(t, err)
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, wholePolicy, string(text))

	text, err = json.Marshal(tcretry.Policy{})
	require.NoError(t, err)
	require.Equal(t, "{}", string(text))
}

func TestParsePolicyReportsEveryInvalidValueWithItsPath(t *testing.T) {
	const text = `{
		"maxAttempts": 1.5,
		"maxElapsed": 5,
		"maxDelay": "1 second",
		"MaxDelay": "1s",
		"codes": {
			"InternalError": {"class": "late", "maxAttempts": "3", "idempotentOnly": 1, "backoff": []},
			"InternalError": {},
			"ResourceInUse": {"class": "undecided", "backoff": {"initial": null, "multiplier": "2", "jitter": -1, "new": 1}},
			"a b": {"backoff": {"initial": "2s", "max": "1s", "multiplier": 0.5, "jitter": 2}},
			"cvm:Code": null
		},
		"a b": {}
	}`
	_, err := tcretry.ParsePolicy(strings.NewReader(text))
	const (
		classes  = "want one of success, terminal, throttled, busy, transient, ambiguous"
		duration = `want a string such as "500ms", "2s" or "1m30s"`
		backoffs = "unknown field, want one of initial, max, multiplier, jitter"
		fields   = "unknown field, want one of maxAttempts, maxElapsed, maxDelay, codes, limits"
	)
	require.Equal(t, []string{
		`maxAttempts: 1.5: want a whole number`,
		`maxElapsed: 5: ` + duration,
		`maxDelay: "1 second": ` + duration,
		`MaxDelay: ` + fields,
		`codes["InternalError"]: there twice`,
		`codes["InternalError"].class: "late": ` + classes,
		`codes["InternalError"].maxAttempts: "3": want a whole number`,
		`codes["InternalError"].idempotentOnly: 1: want true or false`,
		`codes["InternalError"].backoff: a list: want an object`,
		`codes["ResourceInUse"].class: "undecided": ` + classes,
		`codes["ResourceInUse"].backoff.initial: null: ` + duration,
		`codes["ResourceInUse"].backoff.multiplier: "2": want a number, 1 or more`,
		`codes["ResourceInUse"].backoff.jitter: -1: want a number from 0, which means none, to 1`,
		`codes["ResourceInUse"].backoff.new: ` + backoffs,
		`codes["a b"].backoff.jitter: 2: want a number from 0, which means none, to 1`,
		`codes["cvm:Code"]: null: want an object`,
		`["a b"]: ` + fields,
		`codes["a b"]: want a code or family such as "InternalError" or "InternalError.Test"; a family covers its sub-codes, without a "*"`,
		`codes["a b"].backoff.initial: 2s: want at most max, which is 1s`,
		`codes["a b"].backoff.multiplier: 0.5: want 1 to 1000`,
	}, lines(t, err))
	var invalid *tcretry.PolicyError
	require.True(t, errors.As(err, &invalid))
	require.Equal(t, "maxAttempts", invalid.Path)
}

func TestWhatIsNotOneJSONObjectIsNoPolicy(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "line 1: not JSON: unexpected end of JSON input",
		"{}\n\n{}":                "line 3: not JSON: invalid character '{' after top-level value",
		"{\"maxAttempts\": 3,\n}": "line 2: not JSON: invalid character '}' looking for beginning of object key string",
		"null":                    "null: want an object",
		"[{}]":                    "a list: want an object",
		"5":                       "5: want an object",
		`"x"`:                     `"x": want an object`,
		`{"maxAttempts": 1e400}`:  "maxAttempts: 1e400: want a whole number",
		`{"codes": {"A": {"backoff": {"jitter": 1e400}}}}`: `codes["A"].backoff.jitter: 1e400: want a number from 0, which means none, to 1`,
		`{"maxAttempts": 1, "maxAttempts": 1}`:             "maxAttempts: there twice",
		`{"codes": []}`:                                    "codes: a list: want an object",
		`{"maxAttempts": {}}`:                              "maxAttempts: an object: want a whole number",
		strings.Repeat(" ", 1<<20) + "{}":                  "want at most 1048576 bytes of JSON",
	} {
		_, err := tcretry.ParsePolicy(strings.NewReader(text))
		require.Equal(t, []string{want}, lines(t, err), "%.80s", text)
	}
}

func TestAPolicyOfAMebibyteIsRead(t *testing.T) {
	p, err := tcretry.ParsePolicy(strings.NewReader(strings.Repeat(" ", 1<<20-len(`{"maxAttempts":3}`)) + `{"maxAttempts":3}`))
	require.NoError(t, err)
	require.Equal(t, 3, p.MaxAttempts)
}

func TestDeepNestingIsAnError(t *testing.T) {
	_, err := tcretry.ParsePolicy(strings.NewReader(`{"codes":` + strings.Repeat("[", 500_000)))
	require.ErrorContains(t, err, "not JSON: ")
}

func TestAnErrorOfTheReaderIsReturned(t *testing.T) {
	broken := errors.New("broken")
	_, err := tcretry.ParsePolicy(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, "tcretry: policy: broken")
}

func TestUnmarshalLeavesAPolicyUnchangedAfterAnError(t *testing.T) {
	config := struct{ Retry tcretry.Policy }{tcretry.Policy{MaxAttempts: 7}}
	require.Error(t, json.Unmarshal([]byte(`{"Retry": {"maxAttempts": 3, "maxDelay": 1}}`), &config))
	require.Equal(t, 7, config.Retry.MaxAttempts)
	require.NoError(t, json.Unmarshal([]byte(`{"Retry": null}`), &config))
	require.Equal(t, 7, config.Retry.MaxAttempts)
	require.NoError(t, json.Unmarshal([]byte(`{"Retry": {"maxAttempts": 3}}`), &config))
	require.Equal(t, 3, config.Retry.MaxAttempts)
}

func TestAnInvalidPolicyOrOneWithAFunctionIsNotWritten(t *testing.T) {
	_, err := json.Marshal(tcretry.Policy{MaxAttempts: -1, Codes: map[string]tcretry.Rule{
		"A": {Backoff: tcretry.Backoff{New: func() backoff.BackOff { return nil }}},
	}})
	require.ErrorContains(t, err, `tcretry: policy: MaxAttempts: -1: want`)
	require.ErrorContains(t, err, `tcretry: policy: Codes["A"].Backoff.New: a function cannot be written as JSON`)
}

func TestEveryValidPolicyComesBackFromJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		p := anyPolicy(r)
		require.NoError(t, p.Validate())
		text, err := json.Marshal(p)
		require.NoError(t, err)
		back, err := tcretry.ParsePolicy(bytes.NewReader(text))
		require.NoError(t, err, "%s", text)
		require.Equal(t, p, back, "%s", text)
	}
}

// anyPolicy returns a random valid policy.
func anyPolicy(r *rand.Rand) tcretry.Policy {
	duration := func(most time.Duration) time.Duration {
		if r.IntN(3) == 0 {
			return 0
		}
		unit := []time.Duration{1, time.Millisecond, time.Second, time.Minute, time.Hour}[r.IntN(5)]
		return time.Duration(r.Int64N(int64(most))) / unit * unit
	}
	p := tcretry.Policy{MaxAttempts: r.IntN(3), MaxElapsed: duration(1 << 62), MaxDelay: duration(1 << 62)}
	if r.IntN(2) == 0 {
		p.Limits = map[string]int{"cvm": 1 + r.IntN(1000), "cvm.Run_2": 1 + r.IntN(1000)}
	}
	keys := []string{"A", "A.B", "cvm:A", "cvm.Run:A.B", "InternalError", "x-y.Run_2:Z_9-"}
	for range r.IntN(4) {
		if p.Codes == nil {
			p.Codes = map[string]tcretry.Rule{}
		}
		rule := tcretry.Rule{
			Class:      tcretry.Class(r.IntN(7)),
			MaxElapsed: duration(1 << 62), MaxAttempts: r.IntN(100),
			RateLimit:      tcretry.RateLimiting(r.IntN(3)),
			IdempotentOnly: r.IntN(2) == 0,
			Backoff: tcretry.Backoff{
				Initial:    duration(time.Hour),
				Multiplier: []float64{0, 1, 1 + r.Float64(), 1000}[r.IntN(4)],
				Jitter:     []float64{0, tcretry.NoJitter, r.Float64(), 1}[r.IntN(4)],
			},
		}
		if r.IntN(2) == 0 {
			rule.Backoff.Max = rule.Backoff.Initial + duration(time.Hour)
		}
		p.Codes[keys[r.IntN(len(keys))]] = rule
	}
	return p
}

func FuzzParsePolicy(f *testing.F) {
	for _, seed := range []string{
		wholePolicy, "{}", "null", `{"maxAttempts":-1}`, `{"codes":{"A":{},"A":{}}}`, `{"codes":{"a b":{"class":1}}}`,
		`{"maxElapsed":"2562047h47m16.854775807s"}`, `{"codes":{"\u0000":{}}}`, `{"":{}}`, `{"codes":{"A":{"backoff":{"jitter":5e-324}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := tcretry.ParsePolicy(bytes.NewReader(text))
		if err != nil {
			require.Equal(t, tcretry.Policy{}, p)
			lines(t, err)
			return
		}
		require.NoError(t, p.Validate())
		written, err := json.Marshal(p)
		require.NoError(t, err)
		back, err := tcretry.ParsePolicy(bytes.NewReader(written))
		require.NoError(t, err)
		require.Equal(t, p, back)
	})
}

func TestAClassIsTextInJSON(t *testing.T) {
	text, err := json.Marshal(map[tcretry.Class]tcretry.Class{tcretry.Throttled: tcretry.Busy})
	require.NoError(t, err)
	require.Equal(t, `{"throttled":"busy"}`, string(text))
	var class tcretry.Class
	require.NoError(t, json.Unmarshal([]byte(`"ambiguous"`), &class))
	require.Equal(t, tcretry.Ambiguous, class)
	require.EqualError(t, class.UnmarshalText([]byte("Busy")),
		`tcretry: class "Busy": want one of undecided, success, terminal, throttled, busy, transient, ambiguous`)
	require.Equal(t, tcretry.Ambiguous, class)
	for want := tcretry.Undecided; want <= tcretry.Ambiguous; want++ {
		text, err := want.MarshalText()
		require.NoError(t, err)
		require.NoError(t, class.UnmarshalText(text))
		require.Equal(t, want, class)
	}
}
