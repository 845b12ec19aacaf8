package tcretry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
	"github.com/tcretry/tcretry/tc3"
)

// scoped returns a request to a host that is not an API host.
func scoped(t *testing.T, method, query string, header http.Header, body io.Reader) *http.Request {
	req, err := http.NewRequestWithContext(t.Context(), method, "https://gateway.example/?"+query, body)
	require.NoError(t, err)
	req.Header = header
	return req
}

const (
	tc3Authorization = "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2026-08-01/cvm/tc3_request, SignedHeaders=content-type;host, Signature=0"
	awsAuthorization = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260801/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0"
)

func TestTheScopeIsTheAPIByItsHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"cvm.tencentcloudapi.com": true, "cvm.ap-guangzhou.tencentcloudapi.com": true, "cvm.intl.tencentcloudapi.com": true,
		"hunyuan.ai.tencentcloudapi.com": true, "cvm.internal.tencentcloudapi.com": true, "cvm.tencentcloudapi.com:443": true,
		"CVM.TencentCloudAPI.com": true, "cvm.tencentcloudapi.com.": true, "cvm.tencentcloudapi.cn": true,
		"cvm.tencentcloudapi.com.cn": true, "cvm.api.qcloud.com": true,
		"tencentcloudapi.com": false, "cvm.tencentcloudapi.com.example.org": false, "nottencentcloudapi.com": false,
		"bucket-1250000000.cos.ap-guangzhou.myqcloud.com": false, "api.qcloud.com": false, "example.com": false, "": false,
	} {
		require.Equal(t, want, tcretry.IsAPIRequest(&http.Request{URL: &url.URL{Host: host}}), host)
		require.Equal(t, want, tcretry.IsAPIRequest(&http.Request{Host: host}), host)
		require.Equal(t, want, tcretry.IsAPIRequest(&http.Request{Host: host, URL: &url.URL{Host: "127.0.0.1"}}), host)
	}
}

func TestTheScopeIsTheAPIByItsMarksAtAnyHost(t *testing.T) {
	form := http.Header{"Content-Type": {"Application/X-WWW-Form-Urlencoded; charset=utf-8"}}
	for name, row := range map[string]struct {
		req  *http.Request
		want bool
	}{
		"an action":                      {scoped(t, "POST", "", http.Header{"X-Tc-Action": {"DescribeZones"}}, nil), true},
		"an action, in the SDK's case":   {scoped(t, "POST", "", http.Header{"X-TC-Action": {"DescribeZones"}}, nil), true},
		"an action, in lower case":       {scoped(t, "GET", "", http.Header{"x-tc-action": {"DescribeZones"}}, nil), true},
		"SKIP":                           {scoped(t, "POST", "", http.Header{"X-TC-Action": {"AssumeRoleWithSAML"}, "Authorization": {"SKIP"}}, nil), true},
		"SKIP alone":                     {scoped(t, "POST", "", http.Header{"Authorization": {"SKIP"}}, nil), false},
		"an empty action":                {scoped(t, "POST", "", http.Header{"X-TC-Action": {""}}, nil), false},
		"a TC3 credential scope":         {scoped(t, "POST", "", http.Header{"Authorization": {tc3Authorization}}, nil), true},
		"the scope of another vendor":    {scoped(t, "POST", "", http.Header{"Authorization": {awsAuthorization}}, nil), false},
		"a v1 query with an id":          {scoped(t, "GET", "Action=DescribeZones&SecretId=AKIDEXAMPLE", nil, nil), true},
		"a v1 query with a signature":    {scoped(t, "GET", "Signature=0&Action=DescribeZones", nil, nil), true},
		"a v1 query, no method":          {scoped(t, "", "Action=DescribeZones&SecretId=AKIDEXAMPLE", nil, nil), true},
		"an action in a query alone":     {scoped(t, "GET", "Action=RunInstances&Version=2017-03-12", nil, nil), false},
		"a signature alone":              {scoped(t, "GET", "SecretId=AKIDEXAMPLE&Signature=0", nil, nil), false},
		"a signature of Alibaba Cloud":   {scoped(t, "GET", "Action=RunInstances&AccessKeyId=LTAI&Signature=0", nil, nil), false},
		"a signature of AWS":             {scoped(t, "GET", "AWSAccessKeyId=AKIA&Action=RunInstances&Signature=0", nil, nil), false},
		"a query of a POST":              {scoped(t, "POST", "Action=DescribeZones&SecretId=AKIDEXAMPLE", nil, nil), false},
		"a v1 form":                      {scoped(t, "POST", "", form, strings.NewReader("Action=DescribeZones&SecretId=AKIDEXAMPLE")), true},
		"a form with an action alone":    {scoped(t, "POST", "", form, strings.NewReader("Action=DescribeZones")), false},
		"another form":                   {scoped(t, "POST", "", form, strings.NewReader("grant_type=client_credentials")), false},
		"v1 parameters that are no form": {scoped(t, "POST", "", nil, strings.NewReader("Action=DescribeZones&SecretId=AKIDEXAMPLE")), false},
		"nothing":                        {scoped(t, "GET", "", nil, nil), false},
		"no URL":                         {&http.Request{}, false},
	} {
		require.Equal(t, row.want, tcretry.IsAPIRequest(row.req), name)
	}
}

// The body of a request to another service must not be read, and a copy from GetBody
// only if that is cheap.
func TestAFormIsReadForTheScopeOnlyIfThatIsCheap(t *testing.T) {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	signed := "Action=DescribeZones&SecretId=AKIDEXAMPLE&UserData="
	form := func(length int) *http.Request {
		return scoped(t, "POST", "", header, strings.NewReader(signed+strings.Repeat("x", length-len(signed))))
	}
	require.True(t, tcretry.IsAPIRequest(form(64<<10)))
	for name, change := range map[string]func(*http.Request){
		"too long":       func(req *http.Request) { *req = *form(64<<10 + 1) },
		"unknown length": func(req *http.Request) { req.ContentLength = -1 },
		"no GetBody":     func(req *http.Request) { req.GetBody = nil },
		"GetBody fails": func(req *http.Request) {
			req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
		},
		"GetBody panics":   func(req *http.Request) { req.GetBody = func() (io.ReadCloser, error) { panic("gone") } },
		"the copy panics":  func(req *http.Request) { req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(nil), nil } },
		"another encoding": func(req *http.Request) { req.Header = http.Header{"Content-Type": {"text/plain"}} },
	} {
		req := form(1 << 10)
		change(req)
		require.False(t, tcretry.IsAPIRequest(req), name)
	}
	req := form(1 << 10)
	require.True(t, tcretry.IsAPIRequest(req))
	rest, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	require.Len(t, rest, 1<<10, "the body itself is not read")
}

func TestWithScopeReplacesTheRule(t *testing.T) {
	var events probe.Events
	var passed []tcretry.OutOfScopeInfo
	hooks := events.Hooks()
	hooks.OutOfScope = func(_ context.Context, i tcretry.OutOfScopeInfo) { passed = append(passed, i) }
	failing := probe.RoundTripperFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("lost") })
	call := func(scope func(*http.Request) bool, req *http.Request) bool {
		events.Done, passed = nil, nil
		rt := tcretry.New(failing, tcretry.WithScope(scope), tcretry.WithHooks(hooks), tcretry.WithPolicy(probe.Quick()))
		_, err := rt.RoundTrip(req)
		require.Error(t, err)
		require.Equal(t, len(events.Done) == 0, len(passed) == 1)
		require.Equal(t, rt.InScope(req), len(events.Done) == 1)
		return len(events.Done) == 1
	}
	api, other := probe.SDKRequest(t, "RunInstances", nil), scoped(t, "PUT", "", nil, nil)
	require.True(t, call(func(*http.Request) bool { return true }, other), "wider")
	require.False(t, call(func(*http.Request) bool { return false }, api), "narrower")
	require.False(t, call(func(*http.Request) bool { panic("no") }, api), "a rule that panics")
	require.Equal(t, []tcretry.OutOfScopeInfo{{Host: "cvm.tencentcloudapi.com", Method: "POST"}}, passed)
}

func TestAPanicOfTheOutOfScopeHookIsContained(t *testing.T) {
	rt := tcretry.New(probe.MemoryBase([]byte("{}"), 2), tcretry.WithHooks(tcretry.Hooks{
		OutOfScope: func(context.Context, tcretry.OutOfScopeInfo) { panic("hook") },
	}))
	resp, err := rt.RoundTrip(&http.Request{})
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}

// An underlying RoundTripper that signs receives API requests only, so they need no
// other mark; a request to tc3 has an action.
func TestARequestThatTheBaseSignsIsInScope(t *testing.T) {
	require.True(t, tcretry.New(signerFunc(func(*http.Request) bool { return true })).InScope(scoped(t, "POST", "", nil, nil)))
	require.False(t, tcretry.New(signerFunc(func(*http.Request) bool { return false })).InScope(scoped(t, "POST", "", nil, nil)))
	at := scoped(t, "POST", "", http.Header{"X-Tc-Action": {"DescribeZones"}}, nil)
	require.True(t, tcretry.New(&tc3.Transport{Service: "cvm"}).InScope(at))
}

// signerFunc is a Signer that sends nothing.
type signerFunc func(*http.Request) bool

func (f signerFunc) Signs(req *http.Request) bool { return f(req) }

func (f signerFunc) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("not sent")
}

func TestTheScopeOfAnAPIRequestCostsNoAllocation(t *testing.T) {
	host, mark := probe.SDKRequest(t, "DescribeZones", nil), scoped(t, "GET", "Action=DescribeZones&SecretId=AKIDEXAMPLE", nil, nil)
	other := scoped(t, "PUT", "uploads", http.Header{"Content-Type": {"image/png"}, "Authorization": {awsAuthorization}}, nil)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = tcretry.IsAPIRequest(host) && tcretry.IsAPIRequest(mark) && tcretry.IsAPIRequest(other)
	}))
}
