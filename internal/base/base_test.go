package base_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/base"
)

// roundTripper is a RoundTripper that is no *http.Transport.
type roundTripper struct {
	trip   func(*http.Request) (*http.Response, error)
	signs  bool
	closed int
}

func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r.trip(req) }
func (r *roundTripper) Signs(*http.Request) bool                            { return r.signs }
func (r *roundTripper) CloseIdleConnections()                               { r.closed++ }

// setDefault sets http.DefaultTransport for the time of a test.
func setDefault(t *testing.T, rt http.RoundTripper) {
	t.Helper()
	previous := http.DefaultTransport
	http.DefaultTransport = rt
	t.Cleanup(func() { http.DefaultTransport = previous })
}

func request(t *testing.T) *http.Request {
	t.Helper()
	// Nothing may be sent: whatever reaches a real transport fails.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1/", nil)
	require.NoError(t, err)
	return req
}

func TestDefault_HasAnIdleTimeoutOf30SecondsForTheAPIAlone(t *testing.T) {
	for idle, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, 90 * time.Second: 30 * time.Second, 30 * time.Second: 30 * time.Second, time.Second: time.Second,
		time.Nanosecond: time.Nanosecond,
	} {
		original := &http.Transport{IdleConnTimeout: idle, MaxConnsPerHost: 7}
		setDefault(t, original)
		var first, second base.Default
		require.Same(t, original, first.Other(nil))
		api := first.API(nil).(*http.Transport)
		require.Equal(t, want, api.IdleConnTimeout)
		require.Equal(t, 7, api.MaxConnsPerHost)
		require.Equal(t, idle, original.IdleConnTimeout, "that of the program stays")
		require.Same(t, api, first.API(nil))
		require.Same(t, api, second.API(nil), "all share one, and its connections")
	}
}

func TestDefault_IsThatOfTakeOrOfTheFirstUse(t *testing.T) {
	before, after := new(http.Transport), new(http.Transport)
	setDefault(t, before)
	var taken, zero base.Default
	taken.Take()
	setDefault(t, after)
	require.Same(t, before, taken.Other(nil))
	require.Same(t, after, zero.Other(nil))
	setDefault(t, before)
	require.Same(t, after, zero.Other(nil))
}

func TestDefault_OfATransportThatIsTheDefaultIsTheOneOfTheStart(t *testing.T) {
	initial := http.DefaultTransport
	owner := &roundTripper{}
	setDefault(t, owner)
	var d base.Default
	require.Same(t, initial, d.Other(owner))
	require.IsType(t, initial, d.API(owner))
}

// The RoundTripper of the program wraps the Transport that d belongs to.
func TestDefault_OfATransportWithinTheDefaultDoesNotRecur(t *testing.T) {
	for name, send := range map[string]func(*base.Default) http.RoundTripper{
		"API":   func(d *base.Default) http.RoundTripper { return d.API(nil) },
		"other": func(d *base.Default) http.RoundTripper { return d.Other(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			trips := 0
			var d base.Default
			outer := &roundTripper{}
			outer.trip = func(req *http.Request) (*http.Response, error) {
				trips++
				return send(&d).RoundTrip(req)
			}
			setDefault(t, outer)
			for range 2 {
				_, err := send(&d).RoundTrip(request(t))
				require.ErrorIs(t, err, context.Canceled)
			}
			require.Equal(t, 1, trips, "later requests are sent by the transport of the start")
		})
	}
}

func TestDefault_SendsByARoundTripperThatIsNoTransport(t *testing.T) {
	failed := errors.New("theirs")
	var seen *http.Request
	rt := &roundTripper{signs: true, trip: func(req *http.Request) (*http.Response, error) {
		seen = req
		return &http.Response{Request: req}, failed
	}}
	setDefault(t, rt)
	var d base.Default
	req := request(t)
	for _, sender := range []http.RoundTripper{d.API(nil), d.Other(nil)} {
		resp, err := sender.RoundTrip(req)
		require.Equal(t, failed, err)
		require.Same(t, req, resp.Request, "not the copy with the mark")
		require.NotSame(t, req, seen)
		require.Equal(t, req.URL, seen.URL)
		require.True(t, sender.(interface{ Signs(*http.Request) bool }).Signs(req))
	}
	rt.signs = false
	require.False(t, d.API(nil).(interface{ Signs(*http.Request) bool }).Signs(req))
}

func TestDefault_ClosesIdleConnectionsOnce(t *testing.T) {
	var d base.Default
	rt := &roundTripper{}
	setDefault(t, rt)
	d.CloseIdleConnections(nil)
	require.Equal(t, 1, rt.closed)
	circular := &closer{close: func() { d.CloseIdleConnections(nil) }}
	setDefault(t, circular)
	d = base.Default{}
	d.CloseIdleConnections(nil)
	require.Equal(t, 1, circular.closed, "it led back")
}

// A connection of the copy is one that the program can only close through us.
func TestDefault_ClosesTheIdleConnectionsOfTheCopyToo(t *testing.T) {
	setDefault(t, new(http.Transport))
	closed := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	var d base.Default
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	require.NoError(t, err)
	resp, err := d.API(nil).RoundTrip(req)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	require.NoError(t, resp.Body.Close())
	d.CloseIdleConnections(nil)
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Fatal("the connection is still open")
	}
}

type closer struct {
	roundTripper
	close func()
}

func (c *closer) CloseIdleConnections() {
	c.closed++
	c.close()
}
