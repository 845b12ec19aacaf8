package tc3_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// The requests that the API takes, over a real socket: what is signed is what
// net/http sends.
func TestEveryKindOfRequestArrivesWithASignatureThatHolds(t *testing.T) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	require.NoError(t, w.WriteField("Limit", "1"))
	require.NoError(t, w.Close())
	big := strings.Repeat("0123456789abcdef", 1<<18)
	rows := []struct {
		name, method, query, contentType string
		body                             io.Reader
		unsigned                         bool
		creds                            tc3.Credentials
	}{
		{name: "json", method: "POST", contentType: "application/json; charset=utf-8", body: strings.NewReader(`{"Limit":1}`), creds: keyA},
		{name: "json with a token", method: "POST", contentType: "application/json", body: strings.NewReader(`{}`), creds: temp},
		{name: "no body", method: "POST", contentType: "application/json", creds: keyA},
		{name: "get", method: "GET", query: "Limit=10&Offset=0&Name=b%20c%2F", creds: keyA},
		{name: "get with its type", method: "GET", contentType: "application/x-www-form-urlencoded", creds: keyA},
		{name: "get with a body, which the API does not sign", method: "GET", body: strings.NewReader("{}"), creds: keyA},
		{name: "multipart", method: "POST", contentType: w.FormDataContentType(), body: bytes.NewReader(form.Bytes()), creds: keyA},
		{name: "octet-stream", method: "POST", contentType: "application/octet-stream", body: strings.NewReader("\x00\xff"), creds: keyA},
		{name: "4 MiB with GetBody", method: "POST", contentType: "application/json", body: strings.NewReader(big), creds: keyA},
		{name: "4 MiB without GetBody", method: "POST", contentType: "application/json", body: io.MultiReader(strings.NewReader(big)), creds: keyA},
		{name: "unsigned", method: "POST", contentType: "application/json", body: strings.NewReader(`{}`), unsigned: true, creds: keyA},
		{name: "unsigned stream", method: "POST", contentType: "application/octet-stream", body: io.MultiReader(strings.NewReader(big)), unsigned: true, creds: keyA},
		{name: "unsigned get", method: "GET", unsigned: true, creds: keyA},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			wrong, length := "not called", int64(0)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				length = r.ContentLength
				wrong = invalid(r, row.creds)
			}))
			defer server.Close()
			client := &http.Client{Transport: &tc3.Transport{Source: tc3.Static(row.creds), Service: "cvm"}}
			defer client.CloseIdleConnections()

			req := newRequest(t, row.body)
			url := server.URL + "/?" + row.query
			fresh, err := http.NewRequest(row.method, url, row.body)
			require.NoError(t, err)
			fresh.Header = req.Header
			fresh.Header.Del("Content-Type")
			if row.contentType != "" {
				fresh.Header.Set("Content-Type", row.contentType)
			}
			if row.unsigned {
				fresh.Header["X-TC-Content-SHA256"] = []string{tc3.UnsignedPayload}
			}
			resp, err := client.Do(fresh)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Empty(t, wrong)
			if !row.unsigned {
				require.GreaterOrEqual(t, length, int64(0), "a body that was hashed has a known length")
			}
		})
	}
}

func TestTheRequestIsNotModified(t *testing.T) {
	req := newRequest(t, strings.NewReader("{}"))
	req.Header["authorization"] = []string{"TC3-HMAC-SHA256 Credential=OLD/2019-02-25/cvm/tc3_request, …"}
	before, url, length := req.Header.Clone(), *req.URL, req.ContentLength
	body := req.Body
	require.Empty(t, do(t, &tc3.Transport{Source: tc3.Static(keyA), Base: &api{accepts: keyA}}, req))
	require.Equal(t, before, req.Header)
	require.Equal(t, url, *req.URL)
	require.Equal(t, length, req.ContentLength)
	require.Equal(t, body, req.Body)
}

func TestStaleSignatureHeadersOfAnyCaseAreReplaced(t *testing.T) {
	req := newRequest(t, strings.NewReader("{}"))
	for _, name := range []string{"authorization", "AUTHORIZATION", "X-TC-Timestamp", "x-tc-timestamp", "X-TC-Token", "x-tc-TOKEN"} {
		req.Header[name] = []string{"stale"}
	}
	var sent http.Header
	rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Clone()
		return (&api{accepts: keyA}).RoundTrip(r)
	})}
	require.Empty(t, do(t, rt, req))
	for name, values := range sent {
		require.NotContains(t, values, "stale", name)
	}
	require.NotContains(t, sent, "X-Tc-Token", "permanent credentials have no token")
	require.Len(t, sent, 5)
}

func TestActionUnderARawHeaderKeyIsFound(t *testing.T) {
	req := newRequest(t, strings.NewReader("{}"))
	req.Header = http.Header{ // as the official SDK before v1.3 stores them
		"X-TC-Action": {"DescribeInstances"}, "X-TC-Version": {"2017-03-12"}, "Content-Type": {"application/json"},
	}
	var authorization string
	rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(r *http.Request) (*http.Response, error) {
		authorization = r.Header.Get("Authorization")
		return newResponse("", ""), r.Body.Close()
	})}
	require.Empty(t, do(t, rt, req))
	require.Contains(t, authorization, "SignedHeaders=content-type;host;x-tc-action")
}

func TestSkipPassesThroughUnchanged(t *testing.T) {
	req := newRequest(t, strings.NewReader("{}"))
	req.Header["authorization"] = []string{"SKIP"}
	var got *http.Request
	rt := &tc3.Transport{Source: failing{}, Base: baseFunc(func(r *http.Request) (*http.Response, error) {
		got = r
		return newResponse("AuthFailure.TokenFailure", ""), r.Body.Close()
	})}
	require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, req))
	require.Same(t, req, got)
}

type failing struct{}

func (failing) Credentials(context.Context) (tc3.Credentials, error) {
	return tc3.Credentials{}, errBroken
}

func TestServiceComesFromTheFieldTheOldScopeOrTheHost(t *testing.T) {
	const stale = "TC3-HMAC-SHA256 Credential=AKIDOLD/2019-02-25/vpc/tc3_request, SignedHeaders=host, Signature=00"
	rows := []struct{ name, field, authorization, url, want string }{
		{"host", "", "", "https://cvm.tencentcloudapi.com/", "cvm"},
		{"host with region, port and capitals", "", "", "https://CLS.ap-guangzhou.tencentcloudapi.com:443/", "cls"},
		{"scope behind a gateway", "", stale, "https://gateway.example.com/", "vpc"},
		{"field", "cbs", stale, "https://127.0.0.1:8080/", "cbs"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req := newRequest(t, nil)
			u, err := req.URL.Parse(row.url)
			require.NoError(t, err)
			req.URL, req.Host = u, ""
			if row.authorization != "" {
				req.Header.Set("Authorization", row.authorization)
			}
			var authorization string
			rt := &tc3.Transport{Source: tc3.Static(keyA), Service: row.field, Base: baseFunc(func(r *http.Request) (*http.Response, error) {
				authorization = r.Header.Get("Authorization")
				return newResponse("", ""), nil
			})}
			require.Empty(t, do(t, rt, req))
			require.Contains(t, authorization, "/"+row.want+"/tc3_request,")
		})
	}
}

func TestARequestThatCannotBeSignedIsAClearErrorAndItsBodyIsClosed(t *testing.T) {
	rows := []struct {
		name   string
		change func(*http.Request)
		want   string
	}{
		{"headers", func(r *http.Request) { r.Header = nil }, "it needs exactly one X-TC-Action, one X-TC-Version, one Content-Type"},
		{"twice", func(r *http.Request) { r.Header["x-tc-action"] = []string{"Other"} }, "it needs exactly one X-TC-Action"},
		{"method", func(r *http.Request) { r.Method = "PUT" }, `its method is "PUT", the API accepts GET and POST`},
		{"address", func(r *http.Request) { r.Host = "127.0.0.1:80" }, `no service in host "127.0.0.1:80": set Transport.Service`},
		{"address 6", func(r *http.Request) { r.Host = "[::1]" }, `no service in host "[::1]": set Transport.Service`},
		{"one label", func(r *http.Request) { r.Host = "localhost" }, `no service in host "localhost": set Transport.Service`},
		{"no url", func(r *http.Request) { r.URL = nil }, "it has no URL"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			req := newRequest(t, nil)
			body := &closeCounter{Reader: strings.NewReader("{}")}
			req.Body = body
			row.change(req)
			resp, err := (&tc3.Transport{Source: tc3.Static(keyA), Base: unreached(t)}).RoundTrip(req)
			require.Nil(t, resp)
			var wrong *tc3.RequestError
			require.ErrorAs(t, err, &wrong)
			require.EqualError(t, err, "tcretry: tc3: the request cannot be signed: "+row.want)
			require.Equal(t, 1, body.closed)
		})
	}
}

func unreached(t *testing.T) http.RoundTripper {
	return baseFunc(func(*http.Request) (*http.Response, error) {
		t.Error("the request was sent")
		return nil, errBroken
	})
}

func TestAnErrorOfTheSourceEndsTheCallAndClosesTheBody(t *testing.T) {
	req := newRequest(t, nil)
	body := &closeCounter{Reader: strings.NewReader("{}")}
	req.Body = body
	_, err := (&tc3.Transport{Source: failing{}, Base: unreached(t)}).RoundTrip(req)
	require.ErrorIs(t, err, errBroken)
	require.EqualError(t, err, "tcretry: tc3: credentials: broken")
	require.Equal(t, 1, body.closed)
}

func TestEmptyCredentialsAreAnError(t *testing.T) {
	_, err := (&tc3.Transport{Source: tc3.Static(tc3.Credentials{SecretID: "AKID"}), Base: unreached(t)}).RoundTrip(newRequest(t, nil))
	require.ErrorContains(t, err, "no SecretID or no SecretKey")
}

func TestTheErrorOfTheBaseIsReturnedAsItIs(t *testing.T) {
	rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(*http.Request) (*http.Response, error) { return nil, errBroken })}
	_, err := rt.RoundTrip(newRequest(t, nil))
	require.Same(t, errBroken, err)
}

func TestTheResponseHasTheCallersRequestWithoutASignature(t *testing.T) {
	req := newRequest(t, nil)
	resp, err := (&tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(r *http.Request) (*http.Response, error) {
		a := newResponse("", "")
		a.Request = r
		return a, nil
	})}).RoundTrip(req)
	require.NoError(t, err)
	require.Same(t, req, resp.Request)
}

type idleBase struct{ closed int }

func (*idleBase) RoundTrip(*http.Request) (*http.Response, error) { return newResponse("", ""), nil }
func (b *idleBase) CloseIdleConnections()                         { b.closed++ }

func TestCloseIdleConnectionsReachesTheBase(t *testing.T) {
	base := &idleBase{}
	(&http.Client{Transport: &tc3.Transport{Base: base}}).CloseIdleConnections()
	require.Equal(t, 1, base.closed)
	(&tc3.Transport{Base: baseFunc(nil)}).CloseIdleConnections() // a base that cannot is left alone
}

// The zero Transport signs with the environment's credentials.
func TestTheZeroTransportIsReadyToUse(t *testing.T) {
	t.Setenv("TENCENTCLOUD_SECRET_ID", keyA.SecretID)
	t.Setenv("TENCENTCLOUD_SECRET_KEY", keyA.SecretKey)
	t.Setenv("TENCENTCLOUD_TOKEN", "")
	t.Setenv("TENCENTCLOUD_SECURITY_TOKEN", "")
	wrong := "not called"
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { wrong = invalid(r, keyA) }))
	defer server.Close()
	req := newRequest(t, strings.NewReader("{}"))
	req.URL.Scheme, req.URL.Host = "http", strings.TrimPrefix(server.URL, "http://") // Host stays the API's
	resp, err := new(tc3.Transport).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Empty(t, wrong)
}
