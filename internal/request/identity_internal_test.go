package request

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// requestVector is a request as it reaches a transport; header names are written as
// in the header map.
type requestVector struct {
	Name, Method, URL, Body string
	Headers                 map[string]string
	Expect                  struct {
		Service, Action, Region, Timestamp, Signed string
	}
}

func (v requestVector) request(t testing.TB) *http.Request {
	req, err := http.NewRequest(v.Method, v.URL, strings.NewReader(v.Body))
	require.NoError(t, err)
	for key, value := range v.Headers {
		req.Header[key] = []string{value}
	}
	return req
}

func requestVectors(t testing.TB) []requestVector {
	raw, err := os.ReadFile("../../testdata/vectors/requests.json")
	require.NoError(t, err)
	var file struct{ Requests []requestVector }
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Requests)
	return file.Requests
}

const testAuthorization = "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2026-11-23/cvm/tc3_request, SignedHeaders=content-type;host, Signature=00ff"

// sdkRequest is what the official SDK sends.
func sdkRequest(t testing.TB) *http.Request {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(`{"Limit":1}`))
	require.NoError(t, err)
	for key, value := range map[string]string{
		"Authorization": testAuthorization, "Content-Type": "application/json", "X-TC-Action": "DescribeInstances",
		"X-TC-Language": "en-US", "X-TC-Region": "ap-guangzhou", "X-TC-RequestClient": "SDK_GO_1.3.166",
		"X-TC-Timestamp": "1795460985", "X-TC-Token": "TOKENEXAMPLE", "X-TC-Version": "2017-03-12",
	} {
		req.Header.Set(key, value)
	}
	return req
}

func TestIdentifyFindsWhatTheVectorsExpect(t *testing.T) {
	for _, v := range requestVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			seconds, err := strconv.ParseInt(v.Expect.Timestamp, 10, 64)
			require.NoError(t, err)
			req := v.request(t)
			want := Identity{
				Operation: Operation{
					Service: v.Expect.Service, Action: v.Expect.Action, Region: v.Expect.Region,
					Host: req.URL.Host, Method: req.Method,
				},
				SignedAt:   time.Unix(seconds, 0),
				Credential: "AKIDEXAMPLE",
				api:        true,
			}
			if v.Expect.Signed == "skip" {
				want.Credential = ""
			}
			require.Equal(t, want, Identify(req))
			if action, credential, ok := SignedAction(req.Header); ok {
				require.Equal(t, []string{want.Action, want.Credential}, []string{action, credential})
			}
		})
	}
}

func TestAnInvalidActionOfASignedRequestIsEmpty(t *testing.T) {
	req := sdkRequest(t)
	req.Header.Set("X-TC-Action", "Run Instances")
	action, credential, ok := SignedAction(req.Header)
	require.Equal(t, []any{"", "AKIDEXAMPLE", true}, []any{action, credential, ok})
}

func TestIdentifyLeavesTheBodyUnread(t *testing.T) {
	for _, v := range requestVectors(t) {
		req := v.request(t)
		Identify(req)
		got, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		require.Equal(t, v.Body, string(got), v.Name)
	}
}

func TestIdentifyDoesNotAllocateForARequestOfTheSDK(t *testing.T) {
	req := sdkRequest(t)
	require.Zero(t, testing.AllocsPerRun(100, func() { Identify(req) }))
}

func TestIdentifyDoesNotAllocateForHeadersThatAreNotCanonical(t *testing.T) {
	req := sdkRequest(t)
	for _, key := range []string{"Action", "Region", "Timestamp", "Version"} {
		req.Header["X-TC-"+key] = req.Header["X-Tc-"+key]
		delete(req.Header, "X-Tc-"+key)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { Identify(req) }))
	require.Equal(t, "DescribeInstances", Identify(req).Action)
}

func TestIdentifyTakesTheServiceFromTheHostsOfTheAPIOnly(t *testing.T) {
	for host, want := range map[string]string{
		"cvm.tencentcloudapi.com":                         "cvm",
		"cvm.ap-shanghai-fsi.tencentcloudapi.com":         "cvm",
		"cvm.intl.tencentcloudapi.com":                    "cvm",
		"hunyuan.ai.tencentcloudapi.com":                  "hunyuan",
		"cvm.internal.tencentcloudapi.com:443":            "cvm",
		"hunyuan.ai.internal.tencentcloudapi.com":         "hunyuan",
		"cvm.tencentcloudapi.cn":                          "cvm",
		"cvm.tencentcloudapi.com.cn":                      "cvm",
		"CVM.TencentCloudAPI.com.":                        "cvm",
		"cvm.api.qcloud.com":                              "cvm",
		"tencentcloudapi.com":                             "",
		".tencentcloudapi.com":                            "",
		"cvm.tencentcloudapi.com.evil.example":            "",
		"eviltencentcloudapi.com":                         "",
		"service-1.gz.apigw.tencentcs.com":                "",
		"127.0.0.1:8080":                                  "",
		"[::1]:8080":                                      "",
		"c v\u00e4.tencentcloudapi.com":                   "",
		strings.Repeat("a", 129) + ".tencentcloudapi.com": "",
	} {
		require.Equal(t, want, HostService(host), host)
	}
}

func TestIdentifyTakesTheServiceFromTheScopeBehindAGateway(t *testing.T) {
	req := sdkRequest(t)
	req.URL.Host, req.Host = "gateway.example", "gateway.example"
	require.Equal(t, "cvm", Identify(req).Service)
}

func TestIdentifyPrefersTheHostHeaderToTheAddress(t *testing.T) {
	req := sdkRequest(t)
	req.Header.Del("Authorization")
	req.URL.Host, req.Host = "127.0.0.1:8080", "vpc.tencentcloudapi.com"
	require.Equal(t, "vpc", Identify(req).Service)
	req.URL.Host, req.Host = "vpc.tencentcloudapi.com", "gateway.example"
	require.Equal(t, "vpc", Identify(req).Service)
}

func TestIdentifyPrefersTheHostToTheScope(t *testing.T) {
	req := sdkRequest(t)
	req.URL.Host, req.Host = "vpc.tencentcloudapi.com", "vpc.tencentcloudapi.com"
	require.Equal(t, "vpc", Identify(req).Service)
}

func TestIdentifyPrefersHeadersToParameters(t *testing.T) {
	req := sdkRequest(t)
	req.Method, req.URL.RawQuery = http.MethodGet, "Action=RunInstances&Region=ap-x&Timestamp=1&SecretId=other"
	want := Identify(sdkRequest(t))
	want.Method = http.MethodGet
	require.Equal(t, want, Identify(req))
	req.Header.Del("X-TC-Action")
	want.Action = "RunInstances"
	require.Equal(t, want, Identify(req))
}

func TestIdentifyReadsAFormOnlyThroughGetBodyAndWithinTheLimitOfTheAPI(t *testing.T) {
	form := func(body string) *http.Request {
		req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		return req
	}
	const start = "Action=RunInstances&X="
	longest := form(start + strings.Repeat("x", MaxForm-len(start)))
	require.Equal(t, "RunInstances", Identify(longest).Action)
	require.Empty(t, Identify(form(start+strings.Repeat("x", MaxForm-len(start)+1))).Action)

	once := form(start)
	once.GetBody = nil
	require.Empty(t, Identify(once).Action)
	once.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	require.Empty(t, Identify(once).Action)
}

func TestIdentifyClosesTheCopyOfTheFormItReads(t *testing.T) {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body := &closeCounter{Reader: strings.NewReader("Action=RunInstances")}
	req.GetBody = func() (io.ReadCloser, error) { return body, nil }
	Identify(req)
	require.Equal(t, 1, body.closes)
}

func TestIdentifyIgnoresWhatIsMalformed(t *testing.T) {
	for name, change := range map[string]func(h http.Header){
		"action with a line break": func(h http.Header) { h["X-Tc-Action"] = []string{"Run\nInstances"} },
		"action with a space":      func(h http.Header) { h["X-Tc-Action"] = []string{"Run Instances"} },
		"action beyond ASCII":      func(h http.Header) { h["X-Tc-Action"] = []string{"Rún"} },
		"action too long":          func(h http.Header) { h["X-Tc-Action"] = []string{strings.Repeat("R", 129)} },
		"region with a quote":      func(h http.Header) { h["X-Tc-Region"] = []string{`ap-"x`} },
		"time with a sign":         func(h http.Header) { h["X-Tc-Timestamp"] = []string{"+1795460985"} },
		"time with a fraction":     func(h http.Header) { h["X-Tc-Timestamp"] = []string{"1795460985.5"} },
		"time of too many digits":  func(h http.Header) { h["X-Tc-Timestamp"] = []string{"99999999999999999999999"} },
		"time zero":                func(h http.Header) { h["X-Tc-Timestamp"] = []string{"0"} },
		"scope of three parts": func(h http.Header) {
			h["Authorization"] = []string{"TC3-HMAC-SHA256 Credential=id/date/tc3_request, x"}
		},
		"scope of five parts": func(h http.Header) {
			h["Authorization"] = []string{"TC3-HMAC-SHA256 Credential=i/d/date/cvm/tc3_request, x"}
		},
		"scope without an end":      func(h http.Header) { h["Authorization"] = []string{"TC3-HMAC-SHA256 Credential=id/date/cvm"} },
		"another scheme":            func(h http.Header) { h["Authorization"] = []string{"Bearer Credential=id/date/cvm/tc3_request"} },
		"credential without its id": func(h http.Header) { h["Authorization"] = []string{"TC3-HMAC-SHA256 Credential=/date/cvm/tc3_request"} },
		"credential far too long": func(h http.Header) {
			h["Authorization"] = []string{"TC3-HMAC-SHA256 Credential=" + strings.Repeat("i", 257) + "/date/cvm/tc3_request"}
		},
		"headers without any values": func(h http.Header) { h["X-Tc-Action"], h["X-Tc-Region"] = nil, []string{} },
	} {
		t.Run(name, func(t *testing.T) {
			req := sdkRequest(t)
			req.URL.Host, req.Host = "gateway.example", "gateway.example"
			before := Identify(req)
			change(req.Header)
			after := Identify(req)
			lost := 0
			for _, empty := range []bool{
				after.Action == "", after.Region == "", after.SignedAt.IsZero(), after.Service == "",
			} {
				if empty {
					lost++
				}
			}
			require.NotEqual(t, before, after)
			require.Positive(t, lost)
		})
	}
}

func TestIdentifyFindsHostAndMethodOnlyInARequestThatIsNotOne(t *testing.T) {
	require.Equal(t, Identity{Operation: Operation{Method: http.MethodGet}}, Identify(&http.Request{}))
	require.Equal(t, Identity{Operation: Operation{Method: http.MethodPost, Host: "example.com"}},
		Identify(&http.Request{Method: http.MethodPost, URL: &url.URL{Host: "example.com"}}))
}

func FuzzIdentify(f *testing.F) {
	f.Add("X-TC-Action", "DescribeInstances", testAuthorization, "1795460985", "Action=RunInstances&ClientToken=x", "cvm.tencentcloudapi.com")
	f.Add("x-tc-region", "\x00", "TC3-HMAC-SHA256 Credential=///", "-1", "%zz&=&Action=%", ":")
	f.Add("", "", "SKIP", "", "Action=a;b", "[::1]:80")
	f.Fuzz(func(t *testing.T, key, value, authorization, stamp, raw, host string) {
		for _, method := range []string{"", http.MethodPost, http.MethodHead} {
			req := &http.Request{Method: method, Host: host, URL: &url.URL{Host: host, RawQuery: raw}, Header: http.Header{
				key: {value}, "Authorization": {authorization}, "x-tc-timestamp": {stamp},
				"Content-Type": {"application/x-www-form-urlencoded"},
			}}
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(raw)), nil }
			id := Identify(req)
			for _, s := range []string{id.Service, id.Action, id.Region} {
				require.Equal(t, s, Name(s))
			}
			require.LessOrEqual(t, len(id.Credential), maxCredentialLen)
			require.False(t, id.SignedAt.After(time.Unix(maxTimestamp, 0)))
			Idempotent(req, "")
		}
	})
}

// FuzzParams holds the parameters against url.ParseQuery for what it accepts.
func FuzzParams(f *testing.F) {
	f.Add("Action=RunInstances&Region=ap-guangzhou&Timestamp=1&SecretId=a%2Bb&ClientToken=x+y")
	f.Add("Action&Action=&Action=B&ClientToken=a&ClientToken=b")
	f.Fuzz(func(t *testing.T, raw string) {
		values, err := url.ParseQuery(raw)
		if err != nil || strings.Contains(raw, "%") && strings.ContainsAny(raw, "&=") && !plainKeys(raw) {
			return
		}
		p := parseParams(raw)
		for key, got := range map[string]string{"Region": p.region, "Timestamp": p.timestamp, "SecretId": p.secretID} {
			if len(values[key]) == 1 {
				require.Equal(t, values.Get(key), got)
			}
		}
		if tokens := values["ClientToken"]; len(tokens) > 0 {
			require.Equal(t, tokens[len(tokens)-1], p.clientToken)
		}
	})
}

// plainKeys reports whether no key needs decoding.
func plainKeys(raw string) bool {
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(key, "%+") {
			return false
		}
	}
	return true
}

func BenchmarkIdentify(b *testing.B) {
	req := sdkRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		Identify(req)
	}
}

// closeCounter is a body that counts how often it is closed.
type closeCounter struct {
	io.Reader
	closes int
}

func (b *closeCounter) Close() error {
	b.closes++
	return nil
}
