package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// schema is the published one, as a validator reads it.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(tcretry.PolicySchema()))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("policy.schema.json", document))
	compiled, err := compiler.Compile("policy.schema.json")
	require.NoError(t, err)
	return compiled
}

// accepts reports whether the schema does.
func accepts(t *testing.T, s *jsonschema.Schema, text string) bool {
	t.Helper()
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err, text)
	return s.Validate(instance) == nil
}

func TestTheSchemaThatThePolicyNamesIsThePublishedOne(t *testing.T) {
	var named struct {
		Schema string `json:"$schema"`
	}
	require.NoError(t, json.Unmarshal([]byte(file), &named))
	text, err := os.ReadFile(named.Schema)
	require.NoError(t, err)
	require.Equal(t, tcretry.PolicySchema(), string(text))
	require.True(t, accepts(t, schema(t), file))
}

func TestTheSchemaAndParsePolicyAcceptTheSame(t *testing.T) {
	rule := func(fields string) string { return `{"codes": {"InternalError": {` + fields + `}}}` }
	s := schema(t)
	for text, want := range map[string]bool{
		`{}`:                           true,
		`{"maxAttempts": 0}`:           true,
		`{"maxAttempts": -1}`:          false,
		`{"maxAttempts": 1.5}`:         false,
		`{"maxAttempts": "3"}`:         false,
		`{"maxElapsed": "1m30s"}`:      true,
		`{"maxElapsed": "1.5h"}`:       true,
		`{"maxElapsed": ".5s"}`:        true,
		`{"maxElapsed": "0"}`:          true,
		`{"maxElapsed": "00"}`:         false,
		`{"maxElapsed": "-1s"}`:        false,
		`{"maxElapsed": 60}`:           false,
		`{"maxElapsed": ""}`:           false,
		`{"maxDelay": "1 second"}`:     false,
		`{"MaxDelay": "1s"}`:           false,
		`{"codes": {}}`:                true,
		`{"codes": []}`:                false,
		`{"codes": null}`:              false,
		`{"$schema": "x"}`:             true,
		`{"$schema": 1}`:               false,
		`[]`:                           false,
		rule(`"class": "busy"`):        true,
		rule(`"class": "Busy"`):        false,
		rule(`"class": "undecided"`):   false,
		rule(`"maxElapsed": "10m"`):    true,
		rule(`"rateLimit": false`):     true,
		rule(`"rateLimit": "no"`):      false,
		rule(`"idempotentOnly": true`): true,
		rule(`"idempotentOnly": 1`):    false,
		rule(`"backoff": {"initial": "1s", "max": "2s", "multiplier": 2, "jitter": 0}`): true,
		rule(`"backoff": {"multiplier": 0}`):                                            true,
		rule(`"backoff": {"multiplier": 0.5}`):                                          false,
		rule(`"backoff": {"multiplier": 1001}`):                                         false,
		rule(`"backoff": {"jitter": 1.1}`):                                              false,
		rule(`"backoff": {"jitter": -1}`):                                               false,
		rule(`"backoff": {"new": 1}`):                                                   false,
		rule(`"backoff": "1s"`):                                                         false,
		rule(`"retries": 3`):                                                            false,
		`{"codes": {"cvm:A.B": {}}}`:                                                    true,
		`{"codes": {"cvm.Run:A": {}}}`:                                                  true,
		`{"codes": {"CVM:A": {}}}`:                                                      false,
		`{"codes": {"A.*": {}}}`:                                                        false,
		`{"codes": {"A.": {}}}`:                                                         false,
		`{"codes": {"cvm.:A": {}}}`:                                                     false,
		`{"codes": {"": {}}}`:                                                           false,
		`{"codes": {"A": null}}`:                                                        false,
	} {
		_, err := tcretry.ParsePolicy(strings.NewReader(text))
		require.Equal(t, want, err == nil, "ParsePolicy of %s: %v", text, err)
		require.Equal(t, want, accepts(t, s, text), "the schema of %s", text)
	}
}

func TestTheSchemaAcceptsEveryPolicyThatIsWritten(t *testing.T) {
	s, r := schema(t), rand.New(rand.NewPCG(7, 8))
	duration := func() time.Duration { return time.Duration(r.Int64N(int64(time.Hour))) >> r.IntN(40) }
	for range 200 {
		p := tcretry.Policy{MaxAttempts: r.IntN(9), MaxElapsed: duration(), MaxDelay: duration(), Codes: map[string]tcretry.Rule{}}
		for _, key := range []string{"A", "A.B_1", "cvm:A", "cvm.Run-2:A.B.C"}[:r.IntN(5)] {
			p.Codes[key] = tcretry.Rule{
				Class: tcretry.Class(r.IntN(7)), MaxAttempts: r.IntN(40), MaxElapsed: duration(), RateLimit: tcretry.RateLimiting(r.IntN(3)), IdempotentOnly: r.IntN(2) == 0,
				Backoff: tcretry.Backoff{Initial: duration(), Multiplier: 1 + 999*r.Float64(), Jitter: []float64{0, tcretry.NoJitter, 0.5, 1}[r.IntN(4)]},
			}
		}
		text, err := json.Marshal(p)
		require.NoError(t, err)
		require.True(t, accepts(t, s, string(text)), "%s", text)
	}
}
