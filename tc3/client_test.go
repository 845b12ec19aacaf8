package tc3_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tctest"
)

// shape is a kind of request that the API takes.
type shape struct {
	method, query, contentType string
	body                       string
	stream                     bool   // without GetBody
	skip                       bool   // not to be signed
	action                     string // DescribeInstances if empty
	header                     http.Header
	creds                      tc3.Credentials
}

func shapes(t *testing.T) map[string]shape {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file, err := w.CreateFormFile("File", "a.bin")
	require.NoError(t, err)
	_, err = file.Write([]byte("\x00\xff"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	unsigned := http.Header{"X-TC-Content-SHA256": {tc3.UnsignedPayload}}
	return map[string]shape{
		"json":                      {method: "POST", contentType: "application/json", body: `{"Limit":1}`, creds: keyA},
		"json without GetBody":      {method: "POST", contentType: "application/json", body: `{"Limit":1}`, stream: true, creds: keyA},
		"json of 1 MiB":             {method: "POST", contentType: "application/json", body: `{"Data":"` + strings.Repeat("a", 1<<20) + `"}`, creds: keyA},
		"no body":                   {method: "POST", contentType: "application/json", creds: keyA},
		"temporary credentials":     {method: "POST", contentType: "application/json", body: `{}`, creds: temp},
		"get":                       {method: "GET", query: "Filters.0.Name=zone%20id&Limit=1", creds: keyA},
		"multipart":                 {method: "POST", contentType: w.FormDataContentType(), body: form.String(), creds: keyA},
		"octet-stream":              {method: "POST", contentType: "application/octet-stream", body: "\x00\xff", creds: keyA},
		"unsigned":                  {method: "POST", contentType: "application/json", body: `{}`, header: unsigned, creds: keyA},
		"unsigned stream":           {method: "POST", contentType: "application/octet-stream", body: "\x00\xff", stream: true, header: unsigned, creds: keyA},
		"unsigned get":              {method: "GET", query: "Limit=1", header: unsigned, creds: keyA},
		"order by get":              {method: "GET", query: "ImageId=img-1", action: "RunInstances", creds: keyA},
		"signed by the SDK outside": {method: "POST", contentType: "application/json", body: `{}`, header: staleSignature(), creds: keyA},
		"not to be signed":          {method: "POST", contentType: "application/json", body: `{}`, header: http.Header{"Authorization": {"SKIP"}}, skip: true},
	}
}

// staleSignature is what the official SDK has put into a request long ago.
func staleSignature() http.Header {
	return http.Header{
		"Authorization":  {"TC3-HMAC-SHA256 Credential=AKIDOTHER/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host, Signature=00"},
		"X-TC-Timestamp": {"1551113065"},
		"X-TC-Token":     {"stale"},
	}
}

func (s shape) request(t *testing.T) *http.Request {
	var body io.Reader
	if s.body != "" {
		body = strings.NewReader(s.body)
	}
	if s.stream {
		body = io.MultiReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), s.method, "http://cvm.tencentcloudapi.com/?"+s.query, body)
	require.NoError(t, err)
	for key, values := range s.header {
		req.Header[key] = values // as they stand: the SDK's older versions write them so
	}
	req.Header.Set("X-TC-Action", cmp.Or(s.action, "DescribeInstances"))
	req.Header.Set("X-TC-Version", "2017-03-12")
	if s.contentType != "" {
		req.Header.Set("Content-Type", s.contentType)
	}
	return req
}

// A complete client over a socket, whose calls are rejected twice: the signature
// of each attempt holds.
func TestEachAttemptOfEveryKindOfRequestIsSigned(t *testing.T) {
	for name, shape := range shapes(t) {
		t.Run(name, func(t *testing.T) {
			api := tctest.NewAPI()
			base := api.Start(t).Transport()
			defer base.CloseIdleConnections()
			shape.requireSigned(t, api, base, time.Millisecond)
		})
	}
}

// The same over net/http in virtual time: each attempt has a timestamp of its
// own.
func TestEachAttemptOfEveryKindOfRequestHasATimestampOfItsOwn(t *testing.T) {
	for name, shape := range shapes(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const delay = 10 * time.Second
				api := tctest.NewAPI()
				times := shape.requireSigned(t, api, api.PipeTransport(t), delay)
				if shape.skip {
					require.Equal(t, []string{"", "", ""}, times)
					return
				}
				now := time.Now()
				require.Equal(t, []string{unix(now.Add(-2 * delay)), unix(now.Add(-delay)), unix(now)}, times)
			})
		})
	}
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// requireSigned makes a call that is rejected twice and requires that every
// attempt is the request and has a signature that holds. It returns their
// timestamps.
func (s shape) requireSigned(t *testing.T, api *tctest.API, base http.RoundTripper, delay time.Duration) (times []string) {
	t.Helper()
	api.Script(cmp.Or(s.action, "DescribeInstances"), tctest.Throttle(), tctest.Fail("InternalError", "again"), tctest.OK(nil))
	api.CheckSignatures(map[string]string{keyA.SecretID: keyA.SecretKey, temp.SecretID: temp.SecretKey})
	rule := tcretry.Rule{Backoff: tcretry.Backoff{Initial: delay, Max: delay, Jitter: tcretry.NoJitter}}
	client := &http.Client{Transport: tcretry.New(&tc3.Transport{Source: tc3.Static(s.creds), Base: base}, tcretry.WithoutRateLimiter(),
		tcretry.WithPolicy(tcretry.Policy{Codes: map[string]tcretry.Rule{"RequestLimitExceeded": rule, "InternalError": rule}}))}
	resp, err := client.Do(s.request(t))
	require.NoError(t, err)
	require.NoError(t, tcretry.CheckResponse(resp))
	require.NoError(t, resp.Body.Close())
	var codes []string
	for _, c := range api.Recorded() {
		codes, times = append(codes, c.Code), append(times, c.Header.Get("X-TC-Timestamp"))
		require.Equal(t, s.body, string(c.Body))
		require.Equal(t, s.query, strings.TrimPrefix(c.URL, "/?"))
		require.Equal(t, s.creds.SecretID, c.SecretID)
		require.Equal(t, s.creds.Token != "", c.Header.Get("X-TC-Token") != "")
	}
	require.Equal(t, []string{"RequestLimitExceeded", "InternalError", ""}, codes)
	return times
}

func TestMissingCredentialsAreNotRetried(t *testing.T) {
	clearEnv(t)
	half := func(name string) func(t *testing.T) tc3.Source {
		return func(t *testing.T) tc3.Source { t.Setenv(name, "x"); return tc3.Env() }
	}
	for name, source := range map[string]func(t *testing.T) tc3.Source{
		"nothing anywhere":  func(*testing.T) tc3.Source { return nil },
		"no id":             half("TENCENTCLOUD_SECRET_KEY"),
		"no key":            half("TENCENTCLOUD_SECRET_ID"),
		"empty credentials": func(*testing.T) tc3.Source { return tc3.Static(tc3.Credentials{}) },
	} {
		t.Run(name, func(t *testing.T) {
			var attempts int
			count := tcretry.WithHooks(tcretry.Hooks{AttemptDone: func(context.Context, tcretry.AttemptInfo) { attempts++ }})
			rt := tcretry.New(&tc3.Transport{Source: source(t), Base: unreached(t)}, count)
			_, err := rt.RoundTrip(newRequest(t, nil))
			require.ErrorContains(t, err, "tcretry: tc3: ")
			require.Equal(t, 1, attempts)
		})
	}
}
