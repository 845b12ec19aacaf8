package request

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// insertions are objects and what becomes of them with the token T; "" for those
// that are left alone.
var insertions = map[string]string{
	`{}`:                               `{"ClientToken":"T"}`,
	" {\t} \n":                         " {\"ClientToken\":\"T\"\t} \n",
	`{"A":1}`:                          `{"ClientToken":"T","A":1}`,
	"{\n  \"A\": 1.0e2\n}\n":           "{\"ClientToken\":\"T\",\n  \"A\": 1.0e2\n}\n",
	`{"A":12345678901234567890,"A":2}`: `{"ClientToken":"T","A":12345678901234567890,"A":2}`,
	`{"A":{"ClientToken":"x"}}`:        `{"ClientToken":"T","A":{"ClientToken":"x"}}`,
	`{"A":"ClientToken"}`:              `{"ClientToken":"T","A":"ClientToken"}`,
	`{"A":"}{,\""}`:                    `{"ClientToken":"T","A":"}{,\""}`,
	`{"clienttoken":"x"}`:              `{"ClientToken":"T","clienttoken":"x"}`,
	`{"ClientToken":""}`:               `{"ClientToken":"T"}`,
	`{"ClientToken" : "" , "A":1}`:     `{"ClientToken" : "T" , "A":1}`,
	`{"A":1,"ClientToken":null }`:      `{"A":1,"ClientToken":"T" }`,
	`{"Client\u0054oken":""}`:          `{"Client\u0054oken":"T"}`,

	`{"ClientToken":"x"}`:                   ``,
	`{"Client\u0054oken":"x"}`:              ``,
	`{"ClientToken":" "}`:                   ``,
	`{"ClientToken":7}`:                     ``,
	`{"ClientToken":[]}`:                    ``,
	`{"ClientToken":"","ClientToken":""}`:   ``,
	`{"ClientToken":"x","ClientToken":""}`:  ``,
	`{"ClientToken":"","ClientToken":null}`: ``,
	"\ufeff{}":                              ``,
	`[]`:                                    ``,
	`[{}]`:                                  ``,
	`"{}"`:                                  ``,
	`null`:                                  ``,
	``:                                      ``,
	`{`:                                     ``,
	`{}{}`:                                  ``,
	`{"A":1,}`:                              ``,
	`{"A" 1}`:                               ``,
	`{A:1}`:                                 ``,
	`A=1`:                                   ``,
}

func TestWithClientTokenAddsTheMemberAndLeavesEveryOtherByte(t *testing.T) {
	for text, want := range insertions {
		got, ok := WithClientToken([]byte(text), "T")
		require.Equal(t, want != "", ok, text)
		require.Equal(t, want, string(got))
	}
}

// The result is the object plus the member, as encoding/json understands both.
func FuzzWithClientToken(f *testing.F) {
	for text := range insertions {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		with, ok := WithClientToken(text, "T")
		require.Equal(t, before, text)
		if !ok {
			require.Nil(t, with)
			return
		}
		want, err := decodeObject(text)
		require.NoError(t, err)
		require.Contains(t, []any{nil, ""}, want["ClientToken"])
		want["ClientToken"] = "T"
		got, err := decodeObject(with)
		require.NoError(t, err)
		require.Equal(t, want, got)
		token, ok := scanClientToken(json.NewDecoder(bytes.NewReader(with)))
		require.True(t, ok)
		require.Equal(t, "T", token, "Idempotent finds it")
	})
}

func decodeObject(text []byte) (object map[string]any, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	err = dec.Decode(&object)
	return object, err
}
