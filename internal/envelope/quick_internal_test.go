package envelope

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
)

// requireQuick requires that decode finds what encoding/json finds, and the same if
// failures of tasks do not matter, but for those. It returns whether it found none that
// way, and one otherwise.
func requireQuick(t *testing.T, body []byte) (missed bool) {
	t.Helper()
	want, whole, quick := reference(body), decode(body, true), decode(body, false)
	require.Equal(t, want.failure, whole.failure)
	require.Equal(t, want.legacy, whole.legacy)
	if want.task != whole.task {
		require.True(t, whole.task, "%s", body)
		require.Greater(t, len(body), tail)
	}
	if whole.task && quick.failure == nil {
		require.Equal(t, finding{}, quick)
		return true
	}
	require.Equal(t, whole, quick, "%s", body)
	return false
}

// bodyMaker makes random bodies that are nearly envelopes.
type bodyMaker struct{ *rand.Rand }

func (m bodyMaker) one(of ...string) string { return of[m.IntN(len(of))] }

// key spells a key with an escape at times.
func (m bodyMaker) key(name string) string {
	if m.IntN(8) > 0 {
		return `"` + name + `"`
	}
	i := m.IntN(len(name))
	return fmt.Sprintf(`"%s\u%04x%s"`, name[:i], name[i], name[i+1:])
}

func (m bodyMaker) failure() string {
	code := m.one("InternalError", "FailedOperation.Task", "RequestLimitExceeded", "AuthFailure.SignatureExpire", "")
	return fmt.Sprintf(`{%s:%q,"Message":%q}`, m.key("Code"), code, strings.Repeat("m", m.IntN(300)))
}

func (m bodyMaker) value() string {
	text := strings.Repeat("x", m.IntN(m.IntN(1000)+1))
	switch m.IntN(9) {
	case 0:
		return m.one("0", "12", "-3", "true", "false", "null", `""`, "[]", "{}", "[{}]", `{"a":0}`)
	case 1:
		return `{"Error":` + m.failure() + `}`
	case 2:
		return `{"Text":"` + m.one(`\u0045rror`, `\"Error\":{`, `\\`, `é`) + text + `"}`
	case 3:
		return `[{"Id":"` + text + `"}]`
	}
	return `"` + text + `"`
}

func (m bodyMaker) object() string {
	var members []string
	for range m.IntN(8) {
		members = append(members, m.key(m.one("Data", "TotalCount", "RequestId", "LastError", "DeprecatedWarning", "Response"))+":"+m.value())
	}
	for range m.IntN(3) {
		at := m.IntN(len(members) + 1)
		error := m.key("Error") + m.one(":", " : ") + m.one(m.failure(), m.failure(), "null")
		members = append(members[:at], append([]string{error}, members[at:]...)...)
	}
	return "{" + strings.Join(members, m.one(",", ", ")) + "}"
}

func (m bodyMaker) body() string {
	body := m.one("", "", " ", "\xef\xbb\xbf") + "{" + m.one(`"Response"`, `"Response"`, m.key("Response")) + ":" + m.object()
	if m.IntN(6) == 0 {
		body += "," + m.key(m.one("Response", "code", "Error")) + ":" + m.one(m.object(), "4400", "null")
	}
	body += "}"
	if m.IntN(10) == 0 {
		body = body[:m.IntN(len(body))]
	}
	return body
}

func TestDecodeForErrorsAloneMissesFailuresOfTasksAndNothingElse(t *testing.T) {
	const bodies = 10_000
	m := bodyMaker{rand.New(rand.NewPCG(1, 2))}
	found, missed := 0, 0
	for range bodies {
		body := []byte(m.body())
		if requireQuick(t, body) {
			missed++
		} else if decode(body, false).failure != nil {
			found++
		}
	}
	require.Greater(t, missed, bodies/100, "else the test shows little")
	require.Greater(t, found, bodies/20)
}

func TestDecodeForErrorsAloneSearchesTheTailOnlyBehindData(t *testing.T) {
	const limited = `"Error":{"Code":"RequestLimitExceeded"}`
	long := strings.Repeat("x", 2*tail)
	for body, want := range map[string]bool{
		`{"Response":{"Text":"` + long + `",` + limited + `}}`:                       true,
		`{"Response":{"Text":"` + long + `",` + limited + `,"More":"` + long + `"}}`: false,
		`{"Response":{"Text":"x",` + limited + `,"More":"` + long + `"}}`:            false,
		// Data of every kind, however deep.
		`{"Response":{"Total":1,` + limited + `,"More":"` + long + `"}}`:                    false,
		`{"Response":{"Total":9,` + limited + `,"More":"` + long + `"}}`:                    false,
		`{"Response":{"Done":true,` + limited + `,"More":"` + long + `"}}`:                  false,
		`{"Response":{"List":["x"],` + limited + `,"More":"` + long + `"}}`:                 false,
		`{"Response":{"Data":{"List":[{"Id":"x"}]},` + limited + `,"More":"` + long + `"}}`: false,
		// Nothing that proves data.
		`{"Response":{"Erro\u0072":{"Code":"RequestLimitExceeded"},"More":"` + long + `"}}`: true,
		`{"Response":{"Text" : "x",` + limited + `,"More":"` + long + `"}}`:                 true,
		`{"Response":{` + limited + `,"More":"` + long + `"}}`:                              true,
		`{"Response":{"Text":"",` + limited + `,"More":"` + long + `"}}`:                    true,
		`{"Response":{"Total":0,` + limited + `,"More":"` + long + `"}}`:                    true,
		`{"Response":{"List":[],` + limited + `,"More":"` + long + `"}}`:                    true,
		`{"Response":{"Data":{"List":[]},` + limited + `,"More":"` + long + `"}}`:           true,
		`{"Response":{"Data":{},` + limited + `,"More":"` + long + `"}}`:                    true,
		`{"Response":{"Data":{"Id":""},` + limited + `,"More":"` + long + `"}}`:             true,
		`{"Response":{"Done":false,` + limited + `,"More":"` + long + `"}}`:                 true,
		`{"Response":{"Data":null,` + limited + `,"More":"` + long + `"}}`:                  true,
		`{"Response":{"RequestId":"r",` + limited + `,"More":"` + long + `"}}`:              true,
		`{"Response":{"DeprecatedWarning":"w",` + limited + `,"More":"` + long + `"}}`:      true,
		`{"Request":{"Text":"x"},"Response":{` + limited + `,"More":"` + long + `"}}`:       true,
	} {
		require.Equal(t, want, decode([]byte(body), false).failure != nil, body)
		whole := decode([]byte(body), true)
		require.NotNil(t, whole.failure, body)
		require.Equal(t, !want, whole.task, "what is missed is no error of the request: %s", body)
	}
}

func TestTheTailOfABodyBeginsAtItsFirstByte(t *testing.T) {
	const before, failed, after = `{"Response":{"Text":"x"`, `,"Error":{"Code":"RequestLimitExceeded"},"More":"`, `"}}`
	for extra, late := range map[int]bool{0: true, 1: false, 100: false} {
		more := strings.Repeat("y", tail-len(failed)-len(after)+extra)
		found := decode([]byte(before+failed+more+after), true)
		require.Equal(t, "RequestLimitExceeded", found.failure.Code)
		require.Equal(t, late, !found.task, extra)
	}
}

// The rest of a cut body may be what fails, so nothing that has arrived is left out; and a
// status of 400 is a failure whatever the body holds.
func TestPeekForErrorsMissesAFailedTaskOfASuccessOnly(t *testing.T) {
	failed := `{"Response":{"Text":"x","Error":{"Code":"InternalError"},"More":"` + strings.Repeat("x", 2*tail) + `"}}`
	for _, row := range []struct {
		status int
		end    error
		want   bool
	}{
		{http.StatusOK, io.EOF, false},
		{http.StatusOK, io.ErrUnexpectedEOF, true},
		{http.StatusBadRequest - 1, io.EOF, false},
		{http.StatusBadRequest, io.EOF, true},
		{http.StatusBadGateway, io.EOF, true},
	} {
		found := func(peek func(*http.Response, int64, *bodies.Peeked) Seen) bool {
			resp := reply(&scriptedBody{data: failed, chunk: 100, err: row.end, together: true})
			resp.StatusCode = row.status
			seen := peek(resp, DefaultLimit, new(bodies.Peeked))
			require.Equal(t, seen.Failure != nil, seen.Task)
			return seen.Task
		}
		require.True(t, found(Peek), "%+v", row)
		require.Equal(t, row.want, found(PeekForErrors), "%+v", row)
	}
}

// A success that is scanned for an error costs time, and nothing else.
func TestMayFailRecognisesASuccessThatHoldsACode(t *testing.T) {
	for body, want := range map[string]bool{
		`{"Response":{"code":4400}}`:      false,
		`{ "Response":{"code":4400}}`:     false,
		`{"code":4400,"message":"m"}`:     true,
		`{"message":"m", "code":4400}`:    true,
		`{"message":"no error"}`:          false,
		`{"Response":{"Error":{"Code":1}`: true,
		`["code"]`:                        false,
	} {
		require.Equal(t, want, mayFail([]byte(body)), body)
	}
}
