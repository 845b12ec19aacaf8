package conformance

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// rt is a wrapper's RoundTrip with one fault, given its base.
type rt func(base http.RoundTripper, req *http.Request) (*http.Response, error)

// faulty is a wrapper that is right but for its RoundTrip.
type faulty struct {
	base http.RoundTripper
	trip rt
}

func (f faulty) RoundTrip(req *http.Request) (*http.Response, error) { return f.trip(f.base, req) }

func (f faulty) CloseIdleConnections() { (&http.Client{Transport: f.base}).CloseIdleConnections() }

func wrapping(trip rt) func(http.RoundTripper) http.RoundTripper {
	return func(base http.RoundTripper) http.RoundTripper { return faulty{base, trip} }
}

// fault is a wrapper with a fault, and the requirement that must catch it.
type fault struct {
	requirement string
	name        string
	trip        rt
}

// sending is a wrapper that changes what the base gets, correctly cloned.
func sending(change func(*http.Request)) rt {
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		sent := req.Clone(req.Context())
		change(sent)
		return base.RoundTrip(sent)
	}
}

// receiving is a wrapper that changes what the caller gets.
func receiving(change func(*http.Response)) rt {
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp != nil {
			change(resp)
		}
		return resp, err
	}
}

// closing is a wrapper that closes the request's body itself: times times in
// the situation, once in others.
func closing(times int, in func(*http.Request, *http.Response) bool) rt {
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		if req.Body == nil || req.Body == http.NoBody {
			return base.RoundTrip(req)
		}
		sent := req.Clone(req.Context())
		sent.Body = io.NopCloser(req.Body)
		resp, err := base.RoundTrip(sent)
		n := 1
		if in(req, resp) {
			n = times
		}
		for range n {
			_ = req.Body.Close()
		}
		return resp, err
	}
}

// onPair is a wrapper that mistreats one error of the base.
func onPair(respond func(error) (*http.Response, error)) rt {
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if errors.Is(err, errPair) {
			return respond(err)
		}
		return resp, err
	}
}

// lastResponse is a wrapper that keeps the response in a field.
func lastResponse() rt {
	var mu sync.Mutex
	var last *http.Response
	return func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if resp == nil || req.URL.RawQuery == "" || req.Method != http.MethodPost {
			return resp, err
		}
		mu.Lock()
		last = resp
		mu.Unlock()
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		return last, err
	}
}

// swallow ends at an error.
type swallow struct{ r io.Reader }

func (s swallow) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// lossy reads more than it is asked for, and forgets the rest.
type lossy struct{ r io.Reader }

func (l lossy) Read(p []byte) (int, error) {
	buf := make([]byte, 512)
	n, err := l.r.Read(buf)
	return copy(p, buf[:n]), err
}

// hoarder fills its buffer before it gives anything.
type hoarder struct{ r io.Reader }

func (h *hoarder) Read(p []byte) (int, error) {
	buf := make([]byte, 4096)
	n, err := io.ReadFull(h.r, buf)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	h.r = io.MultiReader(bytes.NewReader(buf[:n]), h.r)
	if err != nil {
		return 0, err
	}
	rest := io.LimitReader(h.r, int64(n))
	return rest.Read(p)
}

// closeOnce fails when it is closed again.
type closeOnce struct {
	io.ReadCloser
	closed bool
}

func (c *closeOnce) Close() error {
	if c.closed {
		return errors.New("closed already")
	}
	c.closed = true
	return c.ReadCloser.Close()
}

// failingClose fails when it is closed for the first time.
type failingClose struct {
	io.ReadCloser
	closed bool
}

func (c *failingClose) Close() error {
	err := c.ReadCloser.Close()
	if !c.closed {
		c.closed, err = true, errors.New("not closed before")
	}
	return err
}

// leftover returns a byte after it was read and closed.
type leftover struct {
	io.ReadCloser
	read, closed bool
}

func (l *leftover) Read(p []byte) (int, error) {
	if l.read && l.closed && len(p) > 0 {
		return 1, nil
	}
	n, err := l.ReadCloser.Read(p)
	l.read = l.read || n > 0
	return n, err
}

func (l *leftover) Close() error {
	l.closed = true
	return l.ReadCloser.Close()
}

// upper returns upper-case letters.
type upper struct{ io.ReadCloser }

func (u *upper) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	copy(p, bytes.ToUpper(p[:n]))
	return n, err
}

// broken are the requirements that a wrapper breaks, with what was found.
func broken(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, c := range roundTripRequirements() {
		synctest.Test(t, func(*testing.T) {
			if problems := c.run(wrap); len(problems) > 0 {
				found[c.name] = problems
			}
		})
	}
	return found
}

func TestEachFaultViolatesItsRequirementAlone(t *testing.T) {
	for _, f := range slices.Concat(requestFaults, responseFaults) {
		t.Run(f.requirement+"/"+f.name, func(t *testing.T) {
			found := broken(t, wrapping(f.trip))
			require.Contains(t, found, f.requirement)
			require.Len(t, found, 1, "other requirements caught it too: %q", found)
		})
	}
}

func TestAWrapperWithoutCloseIdleConnectionsIsCaught(t *testing.T) {
	found := broken(t, func(base http.RoundTripper) http.RoundTripper { return baseFunc(base.RoundTrip) })
	require.Equal(t, map[string][]string{
		"CloseIdleConnections passes through": {"CloseIdleConnections of the base was called 0 times, want once"},
	}, found)
}

func TestEveryRequirementHasAPlantedFault(t *testing.T) {
	planted := map[string]bool{"CloseIdleConnections passes through": true}
	for _, f := range slices.Concat(requestFaults, responseFaults) {
		planted[f.requirement] = true
	}
	for _, c := range roundTripRequirements() {
		require.True(t, planted[c.name], c.name)
		require.NotEmpty(t, c.why, c.name)
	}
}

func TestAPanickingWrapperIsReported(t *testing.T) {
	found := broken(t, wrapping(func(http.RoundTripper, *http.Request) (*http.Response, error) {
		var none *http.Response
		runtime.KeepAlive(none.Body)
		return nil, nil
	}))
	require.Contains(t, found["request is not modified"][0], "it panicked: runtime error")
	require.Contains(t, strings.Join(found["concurrent calls"], "\n"), "a concurrent call panicked")
}

func TestAWrapperThatReturnsNothingFailsWithoutAPanic(t *testing.T) {
	found := broken(t, wrapping(func(http.RoundTripper, *http.Request) (*http.Response, error) {
		return nil, nil //nolint:nilnil // the fault
	}))
	require.Equal(t, []string{"a call: RoundTrip returned neither a response nor an error"}, found["context values arrive"])
	require.Equal(t, []string{"a concurrent call got no response (error <nil>)"}, found["concurrent calls"])
	delete(found, "CloseIdleConnections passes through")
	require.Len(t, found, len(roundTripRequirements())-1)
}

func TestTheSuitePassesWhatIsRight(t *testing.T) {
	t.Run("no wrapper at all", func(t *testing.T) {
		TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper { return base })
	})
	t.Run("a wrapper that adds a header to a copy", func(t *testing.T) {
		TestRoundTripper(t, wrapping(sending(func(sent *http.Request) { sent.Header.Set("X-Mine", "1") })))
	})
	t.Run("a wrapper that closes the body a little later", func(t *testing.T) {
		TestRoundTripper(t, wrapping(func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
			if req.Body == nil || req.Body == http.NoBody {
				return base.RoundTrip(req)
			}
			sent := req.Clone(req.Context())
			sent.Body = io.NopCloser(req.Body)
			resp, err := base.RoundTrip(sent)
			go func() { _ = req.Body.Close() }()
			return resp, err
		}))
	})
	t.Run("a wrapper that sends an unknown length as 0", func(t *testing.T) {
		TestRoundTripper(t, wrapping(sending(func(sent *http.Request) { sent.ContentLength = max(sent.ContentLength, 0) })))
	})
	t.Run("a wrapper that retries", func(t *testing.T) { TestRoundTripper(t, wrapping(retryOnce)) })
}

// retryOnce is a simple and correct wrapper that retries once, a minute after a failed
// attempt, if the request has no body.
func retryOnce(base http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := base.RoundTrip(req)
	if req.Body != nil || err == nil && resp.StatusCode < 500 {
		return resp, err
	}
	if resp != nil {
		_ = resp.Body.Close()
	}
	select {
	case <-time.After(time.Minute):
	case <-req.Context().Done():
		return nil, context.Cause(req.Context())
	}
	return base.RoundTrip(req.Clone(req.Context()))
}

func TestEveryChangeOfARequestIsSeen(t *testing.T) {
	for field, change := range map[string]func(*http.Request){
		"Header":        func(r *http.Request) { r.Header["x-odd"] = []string{"1"} },
		"Trailer":       func(r *http.Request) { r.Trailer = http.Header{"X-Sum": nil} },
		"Body":          func(r *http.Request) { r.Body = http.NoBody },
		"Method":        func(r *http.Request) { r.Method = http.MethodGet },
		"URL":           func(r *http.Request) { r.URL.Path = "/v2" },
		"Host":          func(r *http.Request) { r.Host = "" },
		"ContentLength": func(r *http.Request) { r.ContentLength = -1 },
		"GetBody":       func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return nil, nil } },
		"Close":         func(r *http.Request) { r.Close = true },
	} {
		req := newRequest(t.Context(), newRequestBody("{}"), 2)
		before := takeSnapshot(req)
		require.Empty(t, before.diff(req))
		change(req)
		require.True(t, strings.HasPrefix(before.diff(req), field), field)
	}
}
