package stream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest/internal/stream"
)

var errLost = errors.New("connection lost")

func TestPartsArriveAtTheirTimesAlsoWhileNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trailers := 0
		parts := []stream.Part{{Data: []byte("a")}, {Wait: time.Minute, Data: []byte("b")}, {Wait: time.Minute, Data: []byte("c")}}
		body := stream.New(t.Context(), parts, io.EOF, func() { trailers++ })
		start := time.Now()
		time.Sleep(90 * time.Second)
		for _, want := range []time.Duration{90 * time.Second, 90 * time.Second, 2 * time.Minute} {
			n, err := body.Read(make([]byte, 10))
			require.NoError(t, err)
			require.Equal(t, 1, n)
			require.Equal(t, want, time.Since(start))
		}
		require.Zero(t, trailers)
		for range 2 {
			n, err := body.Read(make([]byte, 10))
			require.Zero(t, n)
			require.Equal(t, io.EOF, err)
		}
		require.Equal(t, 1, trailers)
	})
}

func TestABodyThatBreaksOffHasNoTrailer(t *testing.T) {
	body := stream.New(t.Context(), []stream.Part{{Data: []byte("ab")}}, errLost, func() { t.Error("trailer") })
	got, err := io.ReadAll(body)
	require.Equal(t, "ab", string(got))
	require.Equal(t, errLost, err)
}

func TestAReadThatWaitsEndsWithTheContextAndWithClose(t *testing.T) {
	for name, want := range map[string]error{"context": errLost, "close": http.ErrBodyReadAfterClose} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				body := stream.New(ctx, []stream.Part{{Wait: time.Hour, Data: []byte("a")}}, io.EOF, nil)
				start := time.Now()
				time.AfterFunc(time.Minute, func() {
					if name == "context" {
						cancel(errLost)
						return
					}
					require.NoError(t, body.Close())
				})
				for range 2 {
					n, err := body.Read(make([]byte, 1))
					require.Zero(t, n)
					require.Equal(t, want, err)
					require.Equal(t, time.Minute, time.Since(start))
				}
				cancel(nil)
			})
		})
	}
}

func TestGunzippedDecompressesUntilItIsClosed(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte("text"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	body := stream.New(t.Context(), []stream.Part{{Data: packed.Bytes()}}, io.EOF, nil).Gunzipped()
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, "text", string(got))
	require.NoError(t, body.Close())
	n, err := body.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Equal(t, http.ErrBodyReadAfterClose, err)
}

func TestGunzippedOfABodyWithoutAGzipHeaderIsAnErrorEachTime(t *testing.T) {
	body := stream.New(t.Context(), []stream.Part{{Data: []byte("a plain text")}}, io.EOF, nil).Gunzipped()
	for range 2 {
		n, err := body.Read(make([]byte, 10))
		require.Zero(t, n)
		require.Equal(t, gzip.ErrHeader, err)
	}
}
