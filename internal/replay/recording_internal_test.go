package replay

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
)

func TestReplayKeepsWhatALateReadOfAnEarlierAttemptReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		body := &callerBody{Reader: in}
		r := begin(bodyRequest(body), 10)
		first := attempt(t, r)
		go first.Read(make([]byte, 3))
		synctest.Wait()
		require.True(t, r.Replayable())
		second := attempt(t, r)
		got := make(chan string, 1)
		go func() { got <- readAll(t, second) }()
		synctest.Wait()
		require.NoError(t, first.Close(), "the late Read goes on")
		_, err := out.Write([]byte("0123"))
		require.NoError(t, err)
		out.Close()
		require.Equal(t, "0123", <-got)
		require.False(t, body.overlap.Load())
		require.NoError(t, second.Close())
		require.EqualValues(t, 1, body.closes.Load())
	})
}

func TestReplayFailsTheNextAttemptWhenALateReadExceedsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		r := begin(bodyRequest(in), 3)
		first := attempt(t, r)
		go first.Read(make([]byte, 4))
		synctest.Wait()
		second := attempt(t, r)
		go out.Write([]byte("0123"))
		data, err := io.ReadAll(second)
		require.ErrorIs(t, err, bodies.ErrNotReplayable)
		require.Empty(t, data)
		require.False(t, r.Replayable())
	})
}

func TestReplayEndsAReadAfterCloseAndIsThenNotReplayable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := io.Pipe()
		r := begin(bodyRequest(in), 10)
		b := attempt(t, r)
		ended := make(chan error, 1)
		go func() {
			_, err := b.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, b.Close())
		require.ErrorIs(t, <-ended, io.ErrClosedPipe)
		require.False(t, r.Replayable())
	})
}

func TestReplayWaitsForAReadToEndByItselfAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		body := &callerBody{Reader: in}
		r := begin(bodyRequest(body), 10)
		first := attempt(t, r)
		go first.Read(make([]byte, 2))
		synctest.Wait()
		require.NoError(t, first.Close())
		time.Sleep(readGrace / 2)
		_, err := out.Write([]byte("01"))
		require.NoError(t, err)
		time.Sleep(2 * readGrace)
		require.True(t, r.Replayable())
		second := attempt(t, r)
		go func() {
			out.Write([]byte("23"))
			out.Close()
		}()
		require.Equal(t, "0123", readAll(t, second))
		require.NoError(t, second.Close())
		require.EqualValues(t, 1, body.closes.Load())
	})
}

func TestReplayDoesNotInterruptALateReadOnceAnotherAttemptHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		r := begin(bodyRequest(in), 10)
		first := attempt(t, r)
		go first.Read(make([]byte, 2))
		synctest.Wait()
		require.NoError(t, first.Close())
		second := attempt(t, r)
		time.Sleep(2 * readGrace)
		go func() {
			out.Write([]byte("01"))
			out.Close()
		}()
		require.Equal(t, "01", readAll(t, second))
	})
}

func TestReplayEndsAReadImmediatelyWhenTheCallHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := io.Pipe()
		r := begin(bodyRequest(in), 10)
		b := attempt(t, r)
		ended := make(chan error, 1)
		go func() {
			_, err := b.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait()
		start := time.Now()
		r.Close()
		require.NoError(t, b.Close())
		require.ErrorIs(t, <-ended, io.ErrClosedPipe)
		require.Zero(t, time.Since(start))
	})
}

func TestReplayEndsAWaitForALateReadAtClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		r := begin(bodyRequest(in), 10)
		first := attempt(t, r)
		go first.Read(make([]byte, 1))
		synctest.Wait()
		second := attempt(t, r)
		ended := make(chan error, 1)
		go func() {
			_, err := second.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait()
		require.NoError(t, second.Close())
		require.ErrorIs(t, <-ended, http.ErrBodyReadAfterClose)
		require.True(t, r.Replayable(), "the late Read is not that of the closed attempt")
		out.Close()
	})
}
