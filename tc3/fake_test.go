package tc3_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

var (
	keyA = tc3.Credentials{SecretID: "AKIDA", SecretKey: "key-a"}
	temp = tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-1"}
)

// baseFunc is a function as the base of a transport.
type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// newRequest returns a request as a program would make it.
func newRequest(t testing.TB, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://cvm.tencentcloudapi.com/", body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", "DescribeInstances")
	req.Header.Set("X-TC-Version", "2017-03-12")
	return req
}

// newResponse returns an envelope; code "" is a success.
func newResponse(code, message string) *http.Response {
	response := map[string]any{"RequestId": "r-1"}
	if code != "" {
		response["Error"] = map[string]string{"Code": code, "Message": message}
	}
	body, _ := json.Marshal(map[string]any{"Response": response})
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(string(body))),
	}
}

// invalid returns what is wrong with a signed request, "" if nothing is: the
// signature made anew must be the one it carries. It consumes the body.
func invalid(req *http.Request, c tc3.Credentials) string {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		_ = req.Body.Close()
	}
	if req.Method == http.MethodGet {
		body = nil
	}
	if req.Header.Get("X-TC-Content-SHA256") == tc3.UnsignedPayload {
		body = []byte(tc3.UnsignedPayload)
	}
	at, err := strconv.ParseInt(req.Header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return err.Error()
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	want := tc3.Sign(c, tc3.SignInput{
		Method: req.Method, Query: req.URL.RawQuery, Service: "cvm", Timestamp: at,
		PayloadHash: tc3.HashPayload(body),
		Headers: map[string]string{
			"Content-Type": req.Header.Get("Content-Type"), "Host": host, "X-TC-Action": req.Header.Get("X-TC-Action"),
		},
	}).Authorization
	if got := req.Header.Get("Authorization"); got != want {
		return "Authorization is " + got + ", want " + want
	}
	if got := req.Header.Get("X-TC-Token"); got != c.Token {
		return "X-TC-Token is " + got + ", want " + c.Token
	}
	return ""
}

// api is a base that checks signatures as the API does, by a clock that is
// ahead of ours.
type api struct {
	accepts  tc3.Credentials
	ahead    time.Duration
	noDate   bool
	inText   bool
	attempts atomic.Int64
}

func (a *api) RoundTrip(req *http.Request) (*http.Response, error) {
	a.attempts.Add(1)
	now := time.Now().Add(a.ahead)
	resp := newResponse(a.judge(req, now))
	if !a.noDate {
		resp.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	}
	return resp, nil
}

func (a *api) judge(req *http.Request, now time.Time) (code, message string) {
	at, _ := strconv.ParseInt(req.Header.Get("X-TC-Timestamp"), 10, 64)
	if age := now.Unix() - at; age > 300 || age < -300 {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
		message = "The signature is expired, please request again."
		if a.inText {
			message = "签名过期。Timestamp和服务器时间" + strconv.FormatInt(now.Unix(), 10) + "相差过大"
		}
		return "AuthFailure.SignatureExpire", message
	}
	if req.Header.Get("X-TC-Token") != a.accepts.Token {
		_ = req.Body.Close()
		return "AuthFailure.TokenFailure", "the token is not valid"
	}
	if wrong := invalid(req, a.accepts); wrong != "" {
		return "AuthFailure.SignatureFailure", wrong
	}
	return "", ""
}

// do sends a request and returns the code of the response, "" for a success.
func do(t testing.TB, rt http.RoundTripper, req *http.Request) string {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	var got struct {
		Response struct {
			RequestID string
			Error     struct{ Code, Message string }
		}
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
	require.Equal(t, "r-1", got.Response.RequestID)
	require.NotEqual(t, "AuthFailure.SignatureFailure", got.Response.Error.Code, got.Response.Error.Message)
	return got.Response.Error.Code
}

// closeCounter is a body that counts its Close.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

var errBroken = errors.New("broken")

// brokenReader gives some bytes and then, once, an error.
type brokenReader struct {
	rest string
	done bool
}

func (b *brokenReader) Read(p []byte) (int, error) {
	if b.rest == "" && b.done {
		return 0, io.EOF
	}
	if b.rest == "" {
		b.done = true
		return 0, errBroken
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}
