package envelope

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
)

// A connection may end at any byte, also within an escape, and a server may send
// nothing more. Nothing is found in what came that encoding/json would not find, and
// the reader gets all of it.
func TestABodyThatEndsAtAnyByteIsJudgedByWhatCame(t *testing.T) {
	whole := append(vectorBodies(t),
		`{"Response":{"Erro\u0072":{"Code":"A\u004"}}}`,
		`{"x":"\u00\u0041\\","Response":{"Err\u006Fr":{"Code":"\u0041"}}}`,
		`{"co\u0064e":4400,"codeDesc":"\u0041\"\u00e9"}`,
		`{"Response":{"Error" : {"Code" : "A\\" } , "RequestId" : "\u00" } }`)
	for _, text := range whole {
		if len(text) > 2000 {
			continue // its escapes are no others than those of the shorter ones
		}
		for end := range len(text) + 1 {
			cut := text[:end]
			require.Equal(t, reference([]byte(cut)), decode([]byte(cut), true), "%q", cut)

			body := &scriptedBody{data: cut, chunk: 7, err: io.EOF}
			resp := reply(body)
			found := Peek(resp, DefaultLimit, new(bodies.Peeked))
			require.Equal(t, reference([]byte(cut)).failure, found.Failure, "%q", cut)
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, cut, string(got))
			require.NoError(t, resp.Body.Close())
		}
	}
}
