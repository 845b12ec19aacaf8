package envelope

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/bodies"
)

// flushed is text as a gzip stream that goes on.
func flushed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Flush())
	return b.String()
}

// peeksPast reports whether Peek returns after text has arrived, of a body that goes on.
func peeksPast(t *testing.T, text string, fields ...string) bool {
	t.Helper()
	done := false
	synctest.Test(t, func(*testing.T) {
		read, write := io.Pipe()
		go func() {
			for i := range len(text) { // as slowly as it can arrive
				_, _ = io.WriteString(write, text[i:i+1])
			}
		}()
		var found Seen
		peeked := make(chan struct{})
		go func() {
			found = Peek(reply(read, fields...), DefaultLimit, new(bodies.Peeked))
			close(peeked)
		}()
		synctest.Wait()
		select {
		case <-peeked:
			done = true
		default:
			_ = write.Close()
			<-peeked
		}
		_ = read.Close()
		require.Equal(t, !done && strings.Contains(text, `"Code"`), found.Failure != nil)
	})
	return done
}

func TestPeekWaitsOnlyForWhatCanBeAnAPIError(t *testing.T) {
	for text, done := range map[string]bool{
		"":                           false,
		" \n":                        false,
		"{":                          false,
		`{"Response":{"Data":"}`:     false,
		throttledBody:                false, // its end must show that nothing follows
		throttledBody + "\n":         false,
		throttledBody + "{":          true,
		`{"Response":{"Status":1}}`:  true,
		"data: {}\n\n":               true,
		"[1,":                        true,
		"{}\n{}":                     true,
		`"text`:                      true,
		"\xef\xbb\xbf":               false,
		"\xef\xbb\xbfdata: {}\n\n":   true,
		`{"code":0,"message":"ok"} `: true,
	} {
		require.Equal(t, done, peeksPast(t, text), "%q", text)
		if text != "" {
			require.Equal(t, done, peeksPast(t, flushed(t, text), "Content-Encoding", "gzip"), "gzip: %q", text)
		}
	}
}

func TestPeekDoesNotWaitForWhatCannotBeDecoded(t *testing.T) {
	require.True(t, peeksPast(t, "data: {}\n\n", "Content-Encoding", "gzip"))
	require.True(t, peeksPast(t, "data: {}\n\n", "Content-Encoding", "deflate"))
}

// Each step decodes from the beginning: without the bound, a body that is sent byte by
// byte would cost the square of its length.
func TestAStreamDetectorDecodesABoundedAmount(t *testing.T) {
	data := []byte(flushed(t, `{"a":"`+strings.Repeat("x", DefaultLimit/2)))
	detector := streamDetector{coding: gzipped, limit: DefaultLimit, length: -1}
	for range 1000 {
		require.False(t, detector.settled(data))
	}
	require.LessOrEqual(t, detector.inflated, int64(maxInflated+DefaultLimit))
	require.GreaterOrEqual(t, detector.inflated, int64(maxInflated))
}

func TestABodyThatIsLongerThanTheLimitOnceDecodedIsSettled(t *testing.T) {
	for size, settled := range map[int]bool{DefaultLimit / 2: false, DefaultLimit: true} {
		detector := streamDetector{coding: gzipped, limit: DefaultLimit, length: -1}
		data := []byte(flushed(t, `{"a":"`+strings.Repeat("x", size)))
		require.Equal(t, settled, detector.settled(data), size)
	}
}

// A body of a known length is one response, whose rest is on its way: unless what has
// arrived ends as an object does, it is not scanned for the end of one.
func TestABodyOfKnownLengthIsScannedOnlyWhereAnObjectMayEnd(t *testing.T) {
	for text, want := range map[string]struct{ known, unknown bool }{
		`{"Response":{"Data":"}`:    {false, false},
		`{"Response":{"Status":1}}`: {true, true},
		"{\"a\":1}\n{\"b\":1}\n":    {true, true},
		"{\"a\":1}\n{\"b\"":         {false, true},
		throttledBody:               {false, false},
		"data: {}":                  {true, true},
		"[1,":                       {true, true},
		" ":                         {false, false},
		"":                          {false, false},
	} {
		for length, want := range map[int64]bool{1000: want.known, -1: want.unknown} {
			detector := streamDetector{limit: DefaultLimit, length: length}
			require.Equal(t, want, detector.settled([]byte(text)), "%q of %d", text, length)
		}
	}
}

// A response that a RoundTripper made by hand often has a ContentLength of 0, whatever its
// body: nothing more is known to be on its way.
func TestABodyBeyondItsLengthIsScannedAsOneOfUnknownLength(t *testing.T) {
	const twoObjects = "{\"a\":1}\n{\"b\""
	for length, want := range map[int64]bool{0: true, int64(len(twoObjects)) - 1: true, int64(len(twoObjects)) + 1: false} {
		detector := streamDetector{limit: DefaultLimit, length: length}
		require.Equal(t, want, detector.settled([]byte(twoObjects)), length)
	}
}

// The end costs no waiting, and frees the connection.
func TestPeekReadsTheEndOfASuccessOfKnownLength(t *testing.T) {
	const success = `{"Response":{"Status":1}}`
	resp := reply(whole(success))
	require.False(t, Peek(resp, DefaultLimit, new(bodies.Peeked)).Whole)
	resp = reply(whole(success))
	resp.ContentLength = int64(len(success))
	require.True(t, Peek(resp, DefaultLimit, new(bodies.Peeked)).Whole)
}
