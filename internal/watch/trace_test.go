package watch_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/watch"
)

func TestTracer_DetectsWhetherARequestMayHaveBeenSent(t *testing.T) {
	for name, c := range map[string]struct {
		report func(*httptrace.ClientTrace)
		want   bool
	}{
		"reports nothing":          {func(*httptrace.ClientTrace) {}, true},
		"looks for a connection":   {func(trace *httptrace.ClientTrace) { trace.GetConn("host:443") }, false},
		"writes the header":        {func(trace *httptrace.ClientTrace) { trace.GetConn("host:443"); trace.WroteHeaders() }, true},
		"reports the header alone": {func(trace *httptrace.ClientTrace) { trace.WroteHeaders() }, true},
	} {
		for callers, parent := range map[string]context.Context{
			"": t.Context(), ", caller traces": httptrace.WithClientTrace(t.Context(), new(httptrace.ClientTrace)),
		} {
			t.Run(name+callers, func(t *testing.T) {
				var tracer watch.Tracer
				ctx := tracer.Watch(parent, &tracer)
				c.report(httptrace.ContextClientTrace(ctx))
				require.Equal(t, c.want, tracer.MayHaveSent())
			})
		}
	}
}

func TestTracer_OverASocket(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := listener.Addr().String()
	require.NoError(t, listener.Close())
	for url, sent := range map[string]bool{server.URL: true, "http://" + closed: false, server.URL + "/kept-alive": true} {
		for callers, parent := range map[string]context.Context{
			"": t.Context(), ", caller traces": httptrace.WithClientTrace(t.Context(), new(httptrace.ClientTrace)),
		} {
			var tracer watch.Tracer
			req, err := http.NewRequestWithContext(tracer.Watch(parent, &tracer), http.MethodGet, url, nil)
			require.NoError(t, err)
			resp, err := server.Client().Transport.RoundTrip(req)
			require.Equal(t, sent, err == nil)
			if resp != nil {
				_ = resp.Body.Close()
			}
			require.Equal(t, sent, tracer.MayHaveSent(), url+callers)
		}
	}
}

func TestTracer_CallsTheTraceOfTheCallerToo(t *testing.T) {
	var events []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GetConn:      func(hostPort string) { events = append(events, hostPort) },
		WroteHeaders: func() { events = append(events, "header") },
	})
	var tracer watch.Tracer
	trace := httptrace.ContextClientTrace(tracer.Watch(ctx, &tracer))
	trace.GetConn("host:443")
	require.False(t, tracer.MayHaveSent())
	trace.WroteHeaders()
	require.True(t, tracer.MayHaveSent())
	require.Equal(t, []string{"host:443", "header"}, events)
}

func TestTracer_IsTheContextOfItsCaller(t *testing.T) {
	type key struct{}
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	var tracer watch.Tracer
	ctx := tracer.Watch(parent, &tracer)
	require.Equal(t, "value", ctx.Value(key{}))
	require.NoError(t, ctx.Err())
	cancel()
	require.ErrorIs(t, ctx.Err(), context.Canceled)
}

func TestTracer_AllocatesNothingUntilTheTraceIsRequested(t *testing.T) {
	tracer := new(watch.Tracer)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		ctx := tracer.Watch(context.Background(), tracer)
		_ = ctx.Value("another key")
	}))
}
