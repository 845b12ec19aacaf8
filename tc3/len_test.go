package tc3_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// sized is a body that has a Len, as those of some programs do.
type sized struct{ *strings.Reader }

func (sized) Close() error { return nil }

// A Len of 0 means that there is nothing to sign, and any other that there is.
func TestABodyWithALenIsHashedUnlessThatIsZero(t *testing.T) {
	for _, text := range []string{"", "{", `{"Limit":20}`} {
		for _, again := range []bool{true, false} {
			req := newRequest(t, nil)
			req.Body, req.ContentLength = sized{strings.NewReader(text)}, int64(len(text))
			if again {
				req.GetBody = func() (io.ReadCloser, error) { return sized{strings.NewReader(text)}, nil }
			}
			base := &api{accepts: keyA}
			require.Empty(t, do(t, &tc3.Transport{Source: tc3.Static(keyA), Base: base}, req), "%q", text)
			require.EqualValues(t, 1, base.attempts.Load())
		}
	}
}

// nothing is the body that tcretry gives a non-idempotent GET, so that net/http does
// not send it twice: it has no GetBody, and its Len says that there is nothing.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) Close() error             { return nil }
func (nothing) Len() int                 { return 0 }

func TestANonIdempotentGETIsSignedAnewAfterAClockError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &api{accepts: keyA, ahead: time.Hour}
		rt := &tc3.Transport{Source: tc3.Static(keyA), Base: base}
		req := newRequest(t, nothing{})
		req.Method, req.GetBody, req.ContentLength = http.MethodGet, nil, 0
		req.URL.RawQuery = "ImageId=img-1"
		req.Header.Set("X-TC-Action", "RunInstances")
		req.Header.Del("Content-Type")
		require.Empty(t, do(t, rt, req))
		require.EqualValues(t, 2, base.attempts.Load(), "the first was rejected for its time, and executed nothing")
	})
}
