package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// earlyTaskFailure is a body whose error stands in front of much data.
func earlyTaskFailure() string {
	return fmt.Sprintf(`{"Response":{"Status":"FAILED","Error":{"Code":"InternalError","Message":"m"},"Text":%q}}`, strings.Repeat("x", 5000))
}

// attemptsOf returns how many attempts a call makes whose responses have this status and
// whose bodies end with err.
func attemptsOf(t *testing.T, status int, err error, opts ...tcretry.Option) (n int) {
	synctest.Test(t, func(t *testing.T) {
		base := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			n++
			// The last bytes come together with the error, as io.Reader permits.
			body := iotest.DataErrReader(io.MultiReader(strings.NewReader(earlyTaskFailure()), iotest.ErrReader(err)))
			return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(body)}, nil
		})
		resp, err := tcretry.New(base, opts...).RoundTrip(probe.SDKRequest(t, "DescribeInstances", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	})
	return n
}

// The status and the end of the body decide about a response without an API error: that
// of a task must be found there, whether somebody observes or not.
func TestHooksDoNotDecideWhetherTheFailureOfATaskIsRetried(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError} {
		for _, end := range []error{io.EOF, io.ErrUnexpectedEOF} {
			require.Equal(t, 1, attemptsOf(t, status, end, tcretry.WithHooks(new(probe.Events).Hooks())), "%d, %v", status, end)
			require.Equal(t, 1, attemptsOf(t, status, end), "%d, %v", status, end)
		}
	}
}
