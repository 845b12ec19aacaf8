package watch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
	"github.com/tcretry/tcretry/internal/envelope"
	"github.com/tcretry/tcretry/internal/watch"
)

const limit = 3 * time.Second

var errTimeout = watch.TimeoutError{After: limit}

func TestTimeoutError_IsATimeoutThatNamesItsLimit(t *testing.T) {
	var err net.Error = errTimeout
	require.EqualError(t, err, "tcretry: attempt timed out after 3s (WithAttemptTimeout)")
	require.True(t, err.Timeout())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestStartTimer_EndsTheContextAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, timer := watch.StartTimer(t.Context(), limit)
		require.NotNil(t, timer)
		<-ctx.Done()
		require.Equal(t, limit, time.Since(start))
		require.Equal(t, errTimeout, context.Cause(ctx))
		require.NoError(t, t.Context().Err(), "the call goes on")
	})
}

func TestStartTimer_WithoutALimitNeedsNoTimer(t *testing.T) {
	for _, d := range []time.Duration{0, -1} {
		ctx, timer := watch.StartTimer(t.Context(), d)
		require.Equal(t, t.Context(), ctx)
		require.Nil(t, timer)
	}
	_, timer := watch.StartTimer(t.Context(), 1)
	require.NotNil(t, timer, "a nanosecond is a limit")
	_, err := timer.End(nil, nil, new(envelope.Seen))
	require.NoError(t, err)
}

// closeRecorder is a body that records whether it was closed.
type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error {
	c.closed = true
	return nil
}

// end ends an attempt that took d with a result. It returns what End does, and whether
// the context of the attempt has ended.
func end(t *testing.T, d time.Duration, resp *http.Response, err error, seen envelope.Seen) (*http.Response, bool, error) {
	t.Helper()
	ctx, timer := watch.StartTimer(t.Context(), limit)
	time.Sleep(d)
	synctest.Wait()
	resp, err = timer.End(resp, err, &seen)
	return resp, ctx.Err() != nil, err
}

func TestEnd_OfAnAttemptWithoutAnOpenBody(t *testing.T) {
	reset := errors.New("connection reset")
	whole := &http.Response{Body: &closeRecorder{}}
	for name, c := range map[string]struct {
		resp *http.Response
		err  error
		seen envelope.Seen
		late error // the error if the time has expired
	}{
		"error":        {err: reset, late: errTimeout},
		"nil body":     {resp: &http.Response{}},
		"no body":      {resp: &http.Response{Body: http.NoBody}},
		"whole body":   {resp: whole, seen: envelope.Seen{Whole: true}},
		"cut in a gap": {resp: &http.Response{Body: http.NoBody}, err: reset, late: errTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, ended, err := end(t, limit/2, c.resp, c.err, c.seen)
				require.Equal(t, c.resp, resp)
				require.Equal(t, c.err, err, "in time, the result is unchanged")
				require.True(t, ended, "the context is not needed any more")

				resp, ended, err = end(t, limit, c.resp, c.err, c.seen)
				require.Equal(t, c.resp, resp)
				require.Equal(t, c.late, err)
				require.True(t, ended)
			})
		})
	}
}

func TestEnd_ReplacesAResponseThatArrivesTooSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := &closeRecorder{Reader: strings.NewReader("data")}
		resp, ended, err := end(t, limit, &http.Response{Body: body}, nil, envelope.Seen{})
		require.Nil(t, resp)
		require.Equal(t, errTimeout, err)
		require.True(t, ended)
		require.True(t, body.closed)
	})
}

// Of a body that was cut short before any API error, and of one that goes on after an API
// error, the rest is missing: neither is whole.
func TestEnd_ReplacesWhatIsNeitherWholeNorAnAPIErrorThatWasCutShort(t *testing.T) {
	for name, seen := range map[string]envelope.Seen{
		"cut before an API error": {Err: io.ErrUnexpectedEOF},
		"more than an API error":  {Failure: &envelope.Failure{Code: "InternalError"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				late := &closeRecorder{Reader: strings.NewReader("data")}
				resp, ended, err := end(t, limit, &http.Response{Body: late}, seen.Err, seen)
				require.Nil(t, resp)
				require.Equal(t, errTimeout, err)
				require.True(t, ended)
				require.True(t, late.closed)

				inTime := &http.Response{Body: &closeRecorder{Reader: strings.NewReader("data")}}
				resp, ended, err = end(t, limit/2, inTime, seen.Err, seen)
				require.Equal(t, seen.Err, err)
				require.False(t, ended, "the rest can be read")
				require.NoError(t, resp.Body.Close())
			})
		})
	}
}

func TestEnd_KeepsAnAPIErrorWhoseBodyTheTimeoutCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const text = `{"Response":{"Error":{"Code":"AuthFailure","Message":"m"},"RequestId":"r"}}`
		resp := &http.Response{
			StatusCode: 200, Header: http.Header{}, ContentLength: -1,
			Body: io.NopCloser(io.MultiReader(strings.NewReader(text), failing{context.Canceled})),
		}
		seen := envelope.Peek(resp, envelope.DefaultLimit, new(bodies.Peeked))
		require.NotNil(t, seen.Failure)
		got, ended, err := end(t, limit, resp, seen.Err, seen)
		require.Same(t, resp, got)
		require.Equal(t, errTimeout, err)
		require.True(t, ended)
		data, err := io.ReadAll(got.Body)
		require.Equal(t, text, string(data))
		require.Equal(t, errTimeout, err, "not the end of a context that the caller does not have")
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestEnd_KeepsTheContextForAsLongAsTheBody(t *testing.T) {
	reset := errors.New("connection reset")
	for name, finish := range map[string]func(io.ReadCloser){
		"closed": func(body io.ReadCloser) { _ = body.Close() },
		"read":   func(body io.ReadCloser) { _, _ = io.Copy(io.Discard, body) },
	} {
		for _, err := range []error{io.EOF, reset} {
			t.Run(name+" "+err.Error(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, timer := watch.StartTimer(t.Context(), limit)
					body := &closeRecorder{Reader: io.MultiReader(strings.NewReader("data"), failing{err})}
					resp, endErr := timer.End(&http.Response{Body: body}, nil, new(envelope.Seen))
					require.NoError(t, endErr)
					time.Sleep(10 * limit)
					require.NoError(t, ctx.Err(), "the time limits the response, not its body")
					p := make([]byte, 4)
					_, readErr := io.ReadFull(resp.Body, p)
					require.NoError(t, readErr)
					require.Equal(t, "data", string(p))
					require.NoError(t, ctx.Err())
					finish(resp.Body)
					require.Error(t, ctx.Err())
					require.Equal(t, context.Canceled, context.Cause(ctx))
					require.Equal(t, name == "closed", body.closed)
				})
			})
		}
	}
}

func TestEnd_KeepsTheWriterOfAnUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written strings.Builder
		connection := struct {
			io.ReadCloser
			io.Writer
		}{&closeRecorder{Reader: strings.NewReader("")}, &written}
		for body, want := range map[io.ReadCloser]bool{connection: true, &closeRecorder{}: false} {
			resp, _, err := end(t, 0, &http.Response{Body: body}, nil, envelope.Seen{})
			require.NoError(t, err)
			w, ok := resp.Body.(io.Writer)
			require.Equal(t, want, ok)
			if ok {
				_, err = io.WriteString(w, "frame")
				require.NoError(t, err)
				require.Equal(t, "frame", written.String())
			}
			require.NoError(t, resp.Body.Close())
		}
	})
}
