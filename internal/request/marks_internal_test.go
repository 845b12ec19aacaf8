package request

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// formOf is a signed v1 form that is size bytes long.
func formOf(t *testing.T, size int) *http.Request {
	t.Helper()
	const head = "Action=RunInstances&SecretId=AKIDEXAMPLE&X="
	req, err := http.NewRequest(http.MethodPost, "https://gateway.example/", strings.NewReader(head+strings.Repeat("x", size-len(head))))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// One mark is enough, whichever it is, and none of another service's is.
func TestARequestIsOneToTheAPIByAnyOfItsMarks(t *testing.T) {
	const unknown = "https://gateway.example/"
	for name, row := range map[string]struct {
		change func(*http.Request)
		want   bool
	}{
		"nothing":                 {func(*http.Request) {}, false},
		"nothing, and no address": {func(r *http.Request) { r.URL = nil }, false},
		"its address":             {func(r *http.Request) { r.URL.Host = "cvm.tencentcloudapi.com" }, true},
		"its Host":                {func(r *http.Request) { r.Host = "cvm.tencentcloudapi.com" }, true},
		"its Host, and no address": {func(r *http.Request) {
			r.Host, r.URL = "cvm.tencentcloudapi.com", nil
		}, true},
		"its action":              {func(r *http.Request) { r.Header["X-Tc-Action"] = []string{"RunInstances"} }, true},
		"its action, as written":  {func(r *http.Request) { r.Header["X-TC-Action"] = []string{"RunInstances"} }, true},
		"an action without value": {func(r *http.Request) { r.Header["X-Tc-Action"] = nil }, false},
		"its scope":               {func(r *http.Request) { r.Header["authorization"] = []string{testAuthorization} }, true},
		"another scope":           {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, false},
		"its parameters":          {func(r *http.Request) { r.URL.RawQuery = "Action=RunInstances&SecretId=AKIDEXAMPLE" }, true},
		"those of a POST":         {func(r *http.Request) { r.Method, r.URL.RawQuery = http.MethodPost, "Action=A&SecretId=i" }, false},
		"those of another vendor": {func(r *http.Request) { r.URL.RawQuery = "Action=A&AccessKeyId=i&Signature=s" }, false},
		"a short form":            {func(r *http.Request) { *r = *formOf(t, 50) }, true},
		"the longest form":        {func(r *http.Request) { *r = *formOf(t, 64<<10) }, true},
		"a longer one":            {func(r *http.Request) { *r = *formOf(t, 64<<10+1) }, false},
		"a form without GetBody":  {func(r *http.Request) { *r = *formOf(t, 50); r.GetBody = nil }, false},
		"a form of unknown length": {func(r *http.Request) {
			*r = *formOf(t, 50)
			r.ContentLength = -1
		}, false},
	} {
		req, err := http.NewRequest(http.MethodGet, unknown, nil)
		require.NoError(t, err)
		req.Host = ""
		row.change(req)
		require.Equal(t, row.want, IsAPI(req), name)
	}
}

// Each identifying header is found in any spelling, with or without the others.
func TestEachIdentifyingHeaderIsFoundByItself(t *testing.T) {
	for _, header := range []string{"X-TC-Action", "X-TC-Region", "X-TC-Timestamp", "Authorization"} {
		for _, name := range []string{http.CanonicalHeaderKey(header), strings.ToLower(header), strings.ToUpper(header)} {
			v := identifyingHeaders(http.Header{name: {"value"}, "Accept": {"x"}})
			got := map[string]string{"X-TC-Action": v.action, "X-TC-Region": v.region, "X-TC-Timestamp": v.timestamp, "Authorization": v.authorization}
			require.Equal(t, "value", got[header], name)
			require.Len(t, strings.Join([]string{v.action, v.region, v.timestamp, v.authorization}, ""), len("value"), name)

			all := sdkRequest(t).Header
			want := identifyingHeaders(all)
			values := all[http.CanonicalHeaderKey(header)]
			all.Del(header)
			all[name] = values
			require.Equal(t, want, identifyingHeaders(all), name)
		}
	}
}

// The limits are those of the API, and what has that length is still read.
func TestABodyIsReadForItsTokenUpToTheLimitOfTheAPI(t *testing.T) {
	const multipart = "--x\r\nContent-Disposition: form-data; name=\"ClientToken\"\r\n\r\nt\r\n--x\r\nContent-Disposition: form-data; name=\"F\"\r\n\r\n"
	for contentType, row := range map[string]struct{ head, tail string }{
		"application/json":                {`{"ClientToken":"t","A":"`, `"}`},
		"multipart/form-data; boundary=x": {multipart, "\r\n--x--\r\n"},
	} {
		for more, want := range map[int]string{-1: "t", 0: "t", 1: ""} {
			padding := strings.Repeat("a", 10<<20+more-len(row.head)-len(row.tail))
			req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(row.head+padding+row.tail))
			require.NoError(t, err)
			req.Header.Set("Content-Type", contentType)
			require.Equal(t, want, clientToken(req), "%s, %d more", contentType, more)
		}
	}
	require.Equal(t, 1<<20, MaxForm)
	require.Equal(t, strings.Repeat("a", 128), Name(strings.Repeat("a", 128)))
	require.Empty(t, Name(strings.Repeat("a", 129)))
}

func TestKnownActionsAreThoseOfTheServiceThatAreNoPatterns(t *testing.T) {
	require.Contains(t, KnownActions("cvm"), "RunInstances")
	require.NotContains(t, KnownActions("cvm"), "CheckAmount")
	require.Subset(t, KnownActions("cpdp"), []string{"CheckAcct", "CheckAmount"})
	require.Equal(t, []string{"DescribeFileAttributes"}, KnownActions("vod"))
	require.NotContains(t, KnownActions("tcss"), "Describe*Export*")
	require.Empty(t, KnownActions("no such service"))
	require.True(t, slices.IsSorted(KnownActions("cvm")))
}

func TestANewTokenIsARandomUUID(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		token := NewClientToken()
		require.Regexp(t, `^[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`, token)
		seen[token] = true
	}
	require.Len(t, seen, 100)
}

// What net/http would resend by itself is kept from that, and nothing else is touched.
func TestARequestThatNetHTTPWouldResendIsKeptFromThat(t *testing.T) {
	body := func() io.ReadCloser { return io.NopCloser(strings.NewReader("x")) }
	again := func() (io.ReadCloser, error) { return body(), nil }
	key := http.Header{"X-Idempotency-Key": {"x"}}
	for name, row := range map[string]struct {
		req  http.Request
		want bool
	}{
		"a GET":                                    {http.Request{Method: http.MethodGet}, true},
		"a GET with NoBody":                        {http.Request{Method: http.MethodGet, Body: http.NoBody}, true},
		"a GET with a body":                        {http.Request{Method: http.MethodGet, Body: body()}, false},
		"a GET with a body again":                  {http.Request{Method: http.MethodGet, Body: body(), GetBody: again}, true},
		"a GET of a length":                        {http.Request{Method: http.MethodGet, ContentLength: 1}, false},
		"a TRACE":                                  {http.Request{Method: http.MethodTrace}, false},
		"a TRACE with a body again":                {http.Request{Method: http.MethodTrace, Body: body(), GetBody: again}, true},
		"a POST":                                   {http.Request{Method: http.MethodPost}, false},
		"a POST with a body again":                 {http.Request{Method: http.MethodPost, Body: body(), GetBody: again}, false},
		"a POST with a key":                        {http.Request{Method: http.MethodPost, Header: key}, false},
		"a POST with a body and a key":             {http.Request{Method: http.MethodPost, Header: key, Body: body()}, false},
		"a POST with a body again, and a key":      {http.Request{Method: http.MethodPost, Header: key, Body: body(), GetBody: again}, true},
		"a POST with a body again, and a key else": {http.Request{Method: http.MethodPost, Header: http.Header{"Idempotency-Key": nil}, Body: body(), GetBody: again}, true},
	} {
		req := row.req
		req.URL = &url.URL{}
		require.Equal(t, row.want, MayBeResent(&req), name)
		if !row.want {
			continue
		}
		before := req.Body
		ForbidResend(&req)
		require.Nil(t, req.GetBody, name)
		if isEmpty(before) {
			require.NotNil(t, req.Body, name)
			require.NotEqual(t, http.NoBody, req.Body, name)
			rest, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Empty(t, rest)
			require.Zero(t, req.Body.(interface{ Len() int }).Len())
			continue
		}
		require.Equal(t, before, req.Body, name)
	}
}
