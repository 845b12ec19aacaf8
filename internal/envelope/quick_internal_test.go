package envelope

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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
		// Nothing that proves data.
		`{"Response":{"Erro\u0072":{"Code":"RequestLimitExceeded"},"More":"` + long + `"}}`: true,
		`{"Response":{"Text" : "x",` + limited + `,"More":"` + long + `"}}`:                 true,
		`{"Response":{` + limited + `,"More":"` + long + `"}}`:                              true,
		`{"Response":{"Text":"",` + limited + `,"More":"` + long + `"}}`:                    true,
		`{"Response":{"Total":0,` + limited + `,"More":"` + long + `"}}`:                    true,
		`{"Response":{"List":[],` + limited + `,"More":"` + long + `"}}`:                    true,
		`{"Response":{"Data":{"List":[]},` + limited + `,"More":"` + long + `"}}`:           true,
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
