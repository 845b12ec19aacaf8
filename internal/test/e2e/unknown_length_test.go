package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

// net/http resends a request by its GetBody on a connection that turns out to be
// closed. One that gives copies of what was read so far would send a body that is
// empty or cut short, so there is none before the base has read all of the body.
func TestABodyOfUnknownLengthHasNoGetBodyBeforeItWasRead(t *testing.T) {
	const text = `{"Limit":20}`
	for _, length := range []int64{-1, 0} { // both are unknown, of a body that is not nil
		for read := range len(text) + 1 {
			synctest.Test(t, func(t *testing.T) {
				req := postTo(t, "cvm", "DescribeInstances", "")
				req.Body, req.GetBody, req.ContentLength = io.NopCloser(iotest.OneByteReader(strings.NewReader(text))), nil, length
				attempts := 0
				base := baseFunc(func(r *http.Request) (*http.Response, error) {
					attempts++
					name := fmt.Sprintf("length %d, %d read, attempt %d", length, read, attempts)
					require.Equal(t, length, r.ContentLength, name)
					require.Nil(t, r.GetBody, name)
					got := make([]byte, read)
					_, err := io.ReadFull(r.Body, got)
					require.NoError(t, err, name)
					require.Equal(t, text[:read], string(got), name)
					if attempts == 1 {
						require.NoError(t, r.Body.Close())
						return nil, errors.New("connection lost")
					}
					rest, err := io.ReadAll(r.Body)
					require.NoError(t, err, name)
					require.Equal(t, text[read:], string(rest), name)
					return nil, errors.Join(r.Body.Close(), errors.New("connection lost"))
				})
				_, err := tcretry.New(base, tcretry.WithPolicy(tcretry.Policy{MaxAttempts: 2})).RoundTrip(req)
				require.ErrorContains(t, err, "connection lost")
				require.Equal(t, 2, attempts)
			})
		}
	}
}
