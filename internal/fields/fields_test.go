package fields_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/fields"
)

type read struct {
	n int
	d time.Duration
	b bool
	f float64
}

func decode(t *testing.T, text string) (read, []fields.Invalid) {
	t.Helper()
	value, err := fields.Parse([]byte(text))
	require.NoError(t, err)
	var r read
	var d fields.Decoder
	d.Object("", value, []fields.Reader{
		{Name: "n", Read: d.Int(&r.n)},
		{Name: "d", Read: d.Duration(&r.d)},
		{Name: "b", Read: func(path string, value any) { r.b, _ = d.Bool(path, value) }},
		{Name: "f", Read: func(path string, value any) { r.f, _ = d.Float(path, value, "want a number") }},
	})
	return r, d.Invalid
}

func TestObjectReadsEachFieldOnce(t *testing.T) {
	got, invalid := decode(t, `{"n": 3, "d": "2s", "b": true, "f": 0.5}`)
	require.Empty(t, invalid)
	require.Equal(t, read{3, 2 * time.Second, true, 0.5}, got)
}

func TestObjectReportsEveryInvalidValueWithItsPath(t *testing.T) {
	got, invalid := decode(t, `{"n": 1.5, "d": 2, "b": null, "f": [], "n": 4, "a b": 1, "": 1, "x_y": {}}`)
	require.Zero(t, got, "what is not valid stays zero")
	reasons := map[string]string{}
	for _, i := range invalid {
		reasons[i.Path+" "+i.Reason] = ""
	}
	require.Len(t, reasons, len(invalid))
	for _, want := range []string{
		"n want a whole number", `d want a string such as "500ms", "2s" or "1m30s"`, "b null: want true or false",
		"f a list: want a number", "n there twice",
		`["a b"] unknown field, want one of n, d, b, f`, `[""] unknown field, want one of n, d, b, f`, "x_y unknown field, want one of n, d, b, f",
	} {
		require.Contains(t, reasons, want)
	}

	_, invalid = decode(t, `[1]`)
	require.Equal(t, []fields.Invalid{{Reason: "a list: want an object"}}, invalid)
	_, invalid = decode(t, `{"n": {}}`)
	require.Equal(t, []fields.Invalid{{Path: "n", Reason: "an object: want a whole number"}}, invalid)
	_, invalid = decode(t, `"text"`)
	require.Equal(t, []fields.Invalid{{Value: "text", Reason: "want an object"}}, invalid)
}

func TestParseReturnsEveryValueInItsPlace(t *testing.T) {
	value, err := fields.Parse([]byte(`{"a":{"b":[]},"c":[{"d":1},[2.50,"x"],true],"a":null,"e":{}}`))
	require.NoError(t, err)
	require.Equal(t, []fields.Field{
		{Name: "a", Value: []fields.Field{{Name: "b", Value: []any{}}}},
		{Name: "c", Value: []any{[]fields.Field{{Name: "d", Value: json.Number("1")}}, []any{json.Number("2.50"), "x"}, true}},
		{Name: "a", Value: nil},
		{Name: "e", Value: []fields.Field{}},
	}, value)
}

func TestParseNamesTheLineOfASyntaxError(t *testing.T) {
	for text, want := range map[string]string{
		"{\n\n\"a\" 1}": "line 3: not JSON: ",
		"{} x":          "line 1: not JSON: ",
		"":              "line 1: not JSON: ",
	} {
		_, err := fields.Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
