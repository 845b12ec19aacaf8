package envelope

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// vectorBodies returns the bodies of testdata/vectors/envelopes.json.
func vectorBodies(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/envelopes.json")
	require.NoError(t, err)
	var rows []struct{ Body string }
	require.NoError(t, json.Unmarshal(data, &rows))
	require.NotEmpty(t, rows)
	bodies := make([]string, len(rows))
	for i, row := range rows {
		bodies[i] = row.Body
	}
	return bodies
}

// reference is decode by means of encoding/json: maps distinguish case, keep
// the last of two values and merge nothing.
func reference(body []byte) finding {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	top := referenceObject(body)
	if response, ok := top["Response"]; ok {
		members := referenceObject(response)
		data := referenceData(response)
		failed := referenceObject(members["Error"])
		code := referenceString(failed["Code"])
		if code == "" {
			return finding{}
		}
		f := &Failure{Code: code, Message: referenceString(failed["Message"]), RequestID: referenceString(members["RequestId"])}
		return finding{failure: f, task: data && !slices.Contains(layerCodes, code)}
	}
	digits := referenceString(top["code"])
	if digits == "" {
		digits = string(top["code"])
	}
	number, err := strconv.Atoi(digits)
	if err != nil || number == 0 {
		return finding{}
	}
	f := &Failure{Code: referenceString(top["codeDesc"]), Message: referenceString(top["message"])}
	if f.Code == "" {
		f.Code = strconv.Itoa(number)
	}
	return finding{failure: f, legacy: number}
}

// referenceData reports whether the object has a member that holds something, besides
// those of any response.
func referenceData(object []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.UseNumber()
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	data := false
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return data
		}
		zero := referenceZero(dec)
		data = data || !zero && key != "Error" && key != "RequestId" && key != "DeprecatedWarning"
	}
	return data
}

// referenceZero reads a value, and reports whether it holds nothing but zero values.
func referenceZero(dec *json.Decoder) bool {
	token, _ := dec.Token()
	switch v := token.(type) {
	case json.Delim:
		zero := true
		for dec.More() {
			if v == '{' {
				_, _ = dec.Token() // the key
			}
			zero = referenceZero(dec) && zero
		}
		_, _ = dec.Token()
		return zero
	case json.Number:
		mantissa, _, _ := strings.Cut(strings.ToLower(v.String()), "e")
		return strings.Trim(mantissa, "-0.") == ""
	}
	return token == nil || token == false || token == ""
}

func referenceObject(value []byte) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) != nil {
		return nil
	}
	return object
}

func referenceString(value []byte) string {
	var s *string
	if json.Unmarshal(value, &s) != nil || s == nil {
		return ""
	}
	return *s
}

func TestDecodeDistinguishesAPIErrorsFromOtherData(t *testing.T) {
	failed := func(code string) finding { return finding{failure: &Failure{Code: code}} }
	task := func(code string) finding { return finding{failure: &Failure{Code: code}, task: true} }
	old := func(number int, code string) finding {
		return finding{failure: &Failure{Code: code}, legacy: number}
	}
	none := finding{}
	for _, row := range []struct {
		body string
		want finding
	}{
		{`{"Response":{"Error":{"Code":"A"}}}`, failed("A")},
		{`{"Response":{"Error" :` + "\r\n\t" + `{ "Code" : "A" } } } `, failed("A")},
		{`{"Response":{"Error":{"Code":"A","Message":null}}}`, failed("A")},
		{`{"Response":{"Error":{"Code":"A\"\\"}}}`, failed(`A"\`)},
		{`{"Response":{"Error":{"Code":"A"},"RequestId":17}}`, failed("A")},
		{`{"Response":{"Erro\u0072":{"Code":"A"}}}`, failed("A")},
		{`{"Response":{"Err\u006Fr":{"Code":"A"}}}`, failed("A")},
		{`{"x":"\u0041\\","Response":{"Error":{"Code":"A"}}}`, failed("A")},
		{`{"Response":1,"Response":{"Error":{"Code":"A"}}}`, failed("A")},
		{`{"Error":{"Code":"B"},"Response":{"Error":{"Code":"A"}},"code":4400}`, failed("A")},

		// Data beside the error makes it that of a task.
		{`{"Response":{"Error":{"Code":"A"},"Status":"FAILED"}}`, task("A")},
		{`{"Response":{"Data":{"x":[{"Error":{"Code":"B"}}]},"Error":{"Code":"A"}}}`, task("A")},
		{`{"Response":{"error":1,"Error":{"Code":"A"}}}`, task("A")},

		{`{"Response":{"Error":{"Code":"A"},"Status":1,"Status":null}}`, task("A")},
		{`{"Response":{"Error":{"Code":"A"},"Status":9}}`, task("A")},
		{`{"Response":{"Error":{"Code":"A"},"Items":[0,{"x":[-1e0]}]}}`, task("A")},
		{`{"Response":{"Error":{"Code":"A"},"Done":true}}`, task("A")},

		// Data that holds nothing does not, nor does it beside a code of the API's layer.
		{`{"Response":{"Data":null,"Error":{"Code":"A"}}}`, failed("A")},
		{`{"Response":{"Error":{"Code":"A"},"Data":{ },"List":[ ],"Text":"","Total":0,"Ok":false}}`, failed("A")},
		{`{"Response":{"Error":{"Code":"A"},"Data":{"List":[],"Total":-0.0e7,"a:b":{"\"":null}}}}`, failed("A")},
		{`{"Response":{"DeprecatedWarning":"use another","Error":{"Code":"A"}}}`, failed("A")},
		{`{"Response":{"Status":"FAILED","Error":{"Code":"RequestLimitExceeded"}}}`, failed("RequestLimitExceeded")},
		{`{"Response":{"Status":"FAILED","Error":{"Code":"AuthFailure.SignatureExpire"}}}`, failed("AuthFailure.SignatureExpire")},
		{`{"Response":{"Status":"FAILED","Error":{"Code":"FailedOperation"}}}`, task("FailedOperation")},

		// The last value of a key counts, whole.
		{`{"Response":{"Error":{"Code":"A"},"Error":{"Message":"b"}}}`, none},
		{`{"Response":{"Error":{"Code":"A"},"Error":null}}`, none},
		{`{"Response":{"Error":{"Code":"B","Code":"A"}}}`, failed("A")},
		{`{"Response":{"Error":{"Code":"A","Code":1}}}`, none},
		{`{"Response":{"Error":{"Code":"A"}},"Response":{}}`, none},
		{`{"Response":{"Error":{"Code":"A"}},"Response":null}`, none},
		{`{"Response":{"Status":1},"Response":{"Error":{"Code":"A"}}}`, failed("A")},

		// Error is elsewhere, or is something else.
		{`{"Response":{"Error":{"Code":""}}}`, none},
		{`{"Response":{"Error":{"Code":7}}}`, none},
		{`{"Response":{"Error":{"code":"A"}}}`, none},
		{`{"Response":{"Error":[{"Code":"A"}]}}`, none},
		{`{"Response":{"LastError":{"Code":"A"}}}`, none},
		{`{"Response":{"Data":{"Error":{"Code":"A"}}}}`, none},
		{`{"Response":{"Response":{"Error":{"Code":"A"}}}}`, none},
		{`{"Response":[{"Error":{"Code":"A"}}]}`, none},
		{`{"Response":{"Text":"\"Error\":{\"Code\":\"A\"}"}}`, none},
		{`{"Response":"x","Error":{"Code":"A"}}`, none},
		{`{"Response":{"Text":"{\"Response\":{\"Error\":{\"Code\":\"A\"}}}\u0045"}}`, none},

		// Not JSON, or not all of it.
		{`{"Response":{"Error":{"Code":"A"}}`, none},
		{`{"Response":{"Error":{"Code":"A"}}}}`, none},
		{`{"Response":{"Error":{"Code":"A"}}}{}`, none},
		{`{"Response":{"Error":{"Code":"A",}}}`, none},
		{`{"Response":{"Error":{"Code":"A"}]}`, none},
		{`{"Response":{"Error":{"Code":"A` + "\n" + `"}}}`, none},
		{`"{\"Response\":{\"Error\":{\"Code\":\"A\"}}}"`, none},

		// The envelope of API 2.0.
		{`{"code":4400,"codeDesc":"A"}`, old(4400, "A")},
		{`{"codeDesc":"A","code":"4400"}`, old(4400, "A")},
		{`{"code":4400}`, old(4400, "4400")},
		{`{"code":4400,"codeDesc":null}`, old(4400, "4400")},
		{`{"co\u0064e":4400}`, old(4400, "4400")},
		{`{"code":0,"codeDesc":"A"}`, none},
		{`{"code":"0"}`, none},
		{`{"code":"Success"}`, none},
		{`{"code":true}`, none},
		{`{"code":4400.5}`, none},
		{`{"Code":4400}`, none},
		{`{"data":{"code":4400}}`, none},
		{`{"code":4400,"Response":{}}`, none},
		{`{"code":4400,"Response":null}`, none},
		{`{"code":4400,"\u0052esponse":null}`, none},
		{`{"code":4400`, none},
	} {
		require.Equal(t, row.want, decode([]byte(row.body), true), row.body)
		require.Equal(t, row.want, reference([]byte(row.body)), "reference: %s", row.body)
	}
}

func TestDecodeOfDeepNestingEnds(t *testing.T) {
	const failure = `"Error":{"Code":"A"}`
	for _, open := range []string{`[`, `{"a":`, `{"Error":{`, `{"Response":`} {
		deep := strings.Repeat(open, DefaultLimit/len(open))
		for _, body := range []string{deep, `{"Response":{` + failure + `,"x":` + deep, `{"x":` + deep + failure} {
			require.Equal(t, finding{}, decode([]byte(body), true))
		}
	}
}

func TestDecodeOfASuccessAllocatesNothing(t *testing.T) {
	for _, extra := range []string{"", `"Error":null,`, `"Last":{"Error":{"Code":"A"}},`, `"Text":"\u0041",`} {
		body := []byte(items(4000, extra))
		require.Zero(t, testing.AllocsPerRun(100, func() { decode(body, true) }), extra)
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, body := range vectorBodies(f) {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"Response":{"Error":{"Code":"A"},"Erro\u0072":{"Code":"B"},"x":[1,{"a":"\\\""}]}}`))
	f.Add([]byte(`{"Response":{"Error":{"Code":"RequestLimitExceeded"},"a":[{"b":"","c":0.0},null,-1]}}`))
	f.Add([]byte(`{"Response":{"Error":{"Code":"A"},"a":[{"b":"","c":0.0e1},null,false]}}`))
	f.Add([]byte(`{"code":"4400","Response":{"Error":{"Code":"\ud800"}}}`))
	m := bodyMaker{rand.New(rand.NewPCG(3, 4))}
	for range 50 {
		f.Add([]byte(m.body()))
	}
	f.Fuzz(func(t *testing.T, body []byte) { requireQuick(t, body) })
}
