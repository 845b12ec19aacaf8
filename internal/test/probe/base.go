// Package probe has what the tests of whole calls share: requests, underlying
// RoundTrippers, and a recorder of the events of a call.
package probe

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/tctest"
)

// RoundTripperFunc is a function as a RoundTripper.
type RoundTripperFunc func(*http.Request) (*http.Response, error)

func (f RoundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Failing is a base that only fails.
func Failing(err error) http.RoundTripper {
	return RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, err })
}

// RefusedConn is what net/http returns when nobody listens.
var RefusedConn = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// Always returns an API that gives one answer whatever it is asked.
func Always(a tctest.Reply) *tctest.API {
	api := tctest.NewAPI()
	api.Default(a)
	return api
}

// CloseCounter is a body that counts how often it is closed.
type CloseCounter struct {
	io.Reader
	Closed int
}

func (c *CloseCounter) Close() error {
	c.Closed++
	return nil
}

// NoBudget has no token.
type NoBudget struct{}

// SDKRequest is a request as the official SDK makes it.
func SDKRequest(tb testing.TB, action string, body io.Reader) *http.Request {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://cvm.tencentcloudapi.com/", body)
	require.NoError(tb, err)
	req.Header["X-Tc-Action"] = []string{action}
	req.Header["X-Tc-Version"] = []string{"2017-03-12"}
	req.Header["X-Tc-Region"] = []string{"ap-guangzhou"}
	req.Header["Content-Type"] = []string{"application/json"}
	return req
}

// Timestamp returns t as X-TC-Timestamp has it.
func Timestamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// ReadJSON reads a file of JSON.
func ReadJSON(t testing.TB, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

func (NoBudget) Acquire(context.Context, budget.Request) error { return budget.ErrExhausted }
func (NoBudget) Record(budget.Report)                          {}
