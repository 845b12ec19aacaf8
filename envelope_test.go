package tcretry_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// envelopeVector is a row of testdata/vectors/envelopes.json.
type envelopeVector struct {
	Name        string `json:"name"`
	Status      int    `json:"http_status"`
	ContentType string `json:"content_type"`
	Body        string `json:"body"`
	LegacyCode  string `json:"legacy_code"`
	Advisory    bool   `json:"advisory"`
	Expect      struct {
		Envelope  string `json:"envelope"`
		IsError   bool   `json:"is_error"`
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	} `json:"expect"`
}

func envelopeVectors(t testing.TB) []envelopeVector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors/envelopes.json")
	require.NoError(t, err)
	var vectors []envelopeVector
	require.NoError(t, json.Unmarshal(data, &vectors))
	require.NotEmpty(t, vectors)
	return vectors
}

// want is the envelope that the row expects, nil for none. Where we decided
// otherwise than an advisory row, the decision is here.
func (v envelopeVector) want() *tcretry.APIError {
	switch v.Name {
	case "syn_lower_case_keys": // keys match exactly
		return nil
	case "syn_numeric_code": // a Code is a string
		return nil
	}
	if !v.Expect.IsError {
		return nil
	}
	want := &tcretry.APIError{Code: v.Expect.Code, Message: v.Expect.Message, RequestID: v.Expect.RequestID}
	if want.Code == "" {
		want.Code = v.LegacyCode
	}
	return want
}

func (v envelopeVector) response() *http.Response {
	return &http.Response{
		StatusCode:    v.Status,
		Header:        http.Header{"Content-Type": {v.ContentType}},
		Body:          io.NopCloser(strings.NewReader(v.Body)),
		ContentLength: int64(len(v.Body)),
	}
}

func TestCheckResponseReadsEveryVector(t *testing.T) {
	for _, v := range envelopeVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			resp := v.response()
			err := tcretry.CheckResponse(resp)
			if want := v.want(); want == nil {
				require.NoError(t, err)
			} else {
				require.Equal(t, want, err)
			}
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, v.Body, string(body))
			require.NoError(t, resp.Body.Close())
		})
	}
}

func TestVectorsAreDepartedFromOnlyWhereTheyAreAdvisory(t *testing.T) {
	for _, v := range envelopeVectors(t) {
		if (v.want() != nil) != v.Expect.IsError {
			require.True(t, v.Advisory, v.Name)
		}
	}
}

func TestCheckResponseOfNoResponseIsNil(t *testing.T) {
	require.NoError(t, tcretry.CheckResponse(nil))
	require.NoError(t, tcretry.CheckResponse(&http.Response{StatusCode: 200}))
}

func TestCheckResponseMayBeAskedAgain(t *testing.T) {
	resp := &http.Response{Body: io.NopCloser(strings.NewReader(throttledBody))}
	first := tcretry.CheckResponse(resp)
	require.Equal(t, first, tcretry.CheckResponse(resp))
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, throttledBody, string(body))
}

func TestCheckResponseReportsAnEnvelopeWithAnyStatus(t *testing.T) {
	resp := &http.Response{StatusCode: 503, Body: io.NopCloser(strings.NewReader(throttledBody))}
	var envelope *tcretry.APIError
	require.True(t, errors.As(tcretry.CheckResponse(resp), &envelope))
	require.Equal(t, "RequestLimitExceeded", envelope.Family())
}

func TestErrorOfAnEnvelopeNamesCodeMessageAndRequest(t *testing.T) {
	for want, e := range map[string]tcretry.APIError{
		"tcretry: API error InternalError: try later (request r1)":  {Code: "InternalError", Message: "try later", RequestID: "r1"},
		"tcretry: API error InternalError":                          {Code: "InternalError"},
		"tcretry: API error A\uFFFDB: one two 限 (request r\uFFFD1)": {Code: "A\x00B", Message: "one\ntwo\u3000限", RequestID: "r\xff1"},
		"tcretry: API error \uFFFD[31mred\uFFFD":                    {Code: "\x1b[31mred\u202e"},
	} {
		require.EqualError(t, &e, want)
	}
}

func TestErrorOfAnEnvelopeIsBounded(t *testing.T) {
	for _, unit := range []string{"x", "限", "😀", "\xff", "\x00", "\n"} {
		long := strings.Repeat(unit, 1<<20)
		text := (&tcretry.APIError{Code: long, Message: long, RequestID: long}).Error()
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, len(text), 128+512+128+len("tcretry: API error :  (request )"))
		require.Greater(t, len(text), 128+512+128)
	}
}

func TestATextOfAnEnvelopeThatIsAsLongAsItMayBeIsNotCut(t *testing.T) {
	for _, unit := range []string{"é", "😀"} {
		code, message := strings.Repeat(unit, 128/len(unit)), strings.Repeat(unit, 512/len(unit))
		require.Equal(t, "tcretry: API error "+code+": "+message+" (request "+code+")",
			(&tcretry.APIError{Code: code, Message: message, RequestID: code}).Error())
		cut := (&tcretry.APIError{Code: code + "x"}).Error()
		require.True(t, strings.HasSuffix(cut, unit+"…"), cut)
	}
}

const throttledBody = `{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"slow down"},"RequestId":"r1"}}`
