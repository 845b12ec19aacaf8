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

// Failing is an underlying RoundTripper that always fails.
func Failing(err error) http.RoundTripper {
	return RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, err })
}

// RefusedConn is the error that net/http returns when a connection is refused.
var RefusedConn = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// Always returns an API that returns reply for every request.
func Always(reply tctest.Reply) *tctest.API {
	api := tctest.NewAPI()
	api.Default(reply)
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

// Timestamp returns t in the form of X-TC-Timestamp.
func Timestamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// ReadJSON decodes a file of JSON.
func ReadJSON(t testing.TB, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

// NoBudget is a budget that permits no retry.
type NoBudget struct{}

// Acquire returns budget.ErrExhausted.
func (NoBudget) Acquire(context.Context, budget.Request) error { return budget.ErrExhausted }

// Record does nothing.
func (NoBudget) Record(budget.Report) {}
