package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// failureOf is an error response that is size bytes long.
func failureOf(t *testing.T, size int) string {
	t.Helper()
	const head, tail = `{"Response":{"Error":{"Code":"InternalError","Message":"`, `"},"RequestId":"r"}}`
	text := head + strings.Repeat("m", size-len(head)-len(tail)) + tail
	require.Len(t, text, size)
	require.True(t, json.Valid([]byte(text)))
	return text
}

// The option sets how much of a response is read to judge it: more is judged by what
// fits, to the byte, and what does not fit is a response that is returned unchanged.
func TestMaxPeekBytesSetsHowLongAJudgedFailureMayBe(t *testing.T) {
	least := len(failureOf(t, 100))
	for _, row := range []struct {
		name    string
		size    int
		opts    []tcretry.Option
		retried bool
	}{
		{"100 KiB under 1 MiB", 100 << 10, []tcretry.Option{tcretry.WithMaxPeekBytes(1 << 20)}, true},
		{"100 KiB by default", 100 << 10, nil, false},
		{"64 KiB by default", 64 << 10, nil, true},
		{"a byte more", 64<<10 + 1, nil, false},
		{"beyond 20 bytes", least, []tcretry.Option{tcretry.WithMaxPeekBytes(20)}, false},
		{"exactly the limit", least, []tcretry.Option{tcretry.WithMaxPeekBytes(int64(least))}, true},
		{"a byte beyond the limit", least, []tcretry.Option{tcretry.WithMaxPeekBytes(int64(least) - 1)}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failed := failureOf(t, row.size)
				api := tctest.NewAPI(tctest.RawBody("application/json", []byte(failed)))
				resp, err := tcretry.New(api, row.opts...).RoundTrip(postTo(t, "cvm", "DescribeInstances", `{}`))
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, resp.StatusCode)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				if row.retried {
					require.Equal(t, 2, api.Attempts("DescribeInstances"))
					require.NotContains(t, string(got), "InternalError")
					return
				}
				require.Equal(t, 1, api.Attempts("DescribeInstances"))
				require.Equal(t, failed, string(got), "it is returned unchanged")
			})
		})
	}
}
