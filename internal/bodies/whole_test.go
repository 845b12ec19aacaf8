package bodies_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
)

func TestFresh_ReturnsWhatGetBodyDoesOrAnError(t *testing.T) {
	body, gone := whole(text), errors.New("gone")
	for name, c := range map[string]struct {
		getBody func() (io.ReadCloser, error)
		want    io.ReadCloser
		err     string
	}{
		"body":  {getBody: func() (io.ReadCloser, error) { return body, nil }, want: body},
		"error": {getBody: func() (io.ReadCloser, error) { return nil, gone }, err: "gone"},
		"panic": {getBody: func() (io.ReadCloser, error) { panic("theirs") }, err: "tcretry: request body is not replayable: Request.GetBody panicked"},
		"no body": {
			getBody: func() (io.ReadCloser, error) { return nil, nil },
			err:     "tcretry: request body is not replayable: Request.GetBody returned nil",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := bodies.Fresh(&http.Request{GetBody: c.getBody})
			require.Equal(t, c.want, got)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.err)
			}
		})
	}
}

func TestWhole_ReturnsTheTextOfABodyUpToTheLimit(t *testing.T) {
	cut := errors.New("connection reset")
	for name, c := range map[string]struct {
		limit    int64
		err      error
		together bool
		text     string
	}{
		"shorter":                 {limit: 100, err: io.EOF, text: text},
		"as long":                 {limit: int64(len(text)), err: io.EOF, text: text},
		"longer":                  {limit: int64(len(text)) - 1, err: io.EOF},
		"longer by its last byte": {limit: int64(len(text)) - 1, err: io.EOF, together: true},
		"ends in an error":        {limit: 100, err: cut},
	} {
		t.Run(name, func(t *testing.T) {
			original := &source{data: text, chunk: 7, err: c.err, together: c.together}
			read, got := bodies.Whole(t.Context(), original, c.limit)
			require.Equal(t, c.text, string(got))
			data, err := io.ReadAll(read)
			require.Equal(t, text, string(data), "whatever the limit, every byte can be read")
			if c.err == io.EOF {
				require.NoError(t, err)
			} else {
				require.Equal(t, c.err, err)
			}
			require.NoError(t, read.Close())
			require.Equal(t, 1, original.closes)
		})
	}
}

func TestWhole_EndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		body := newSilent()
		start := time.Now()
		read, got := bodies.Whole(ctx, body, 100)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Nil(t, got)
		require.ErrorIs(t, read.Ended(), io.ErrClosedPipe)
		require.NoError(t, read.Close())
		require.Equal(t, 1, body.closes)
	})
}

func TestWhole_LeavesTheRestOfALongerBodyToItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		original := whole(text)
		read, got := bodies.Whole(ctx, original, 5)
		require.Nil(t, got)
		cancel()
		synctest.Wait()
		require.Zero(t, original.closes, "the context ends what Whole reads only")
		data, err := io.ReadAll(read)
		require.NoError(t, err)
		require.Equal(t, text, string(data))
	})
}
