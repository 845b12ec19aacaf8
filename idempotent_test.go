package tcretry_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

func TestIdempotentRecognizesReadsByTheirNames(t *testing.T) {
	for action, want := range map[string]bool{
		"DescribeInstances": true, "Describe": true, "GetCallerIdentity": true, "ListUsers": true, "ListenX": false,
		"QueryCallList": true, "InquirePriceRunInstances": true, "InquiryPriceRunInstances": true, "CheckDomain": true,
		"SearchLog": true, "RunInstances": false, "Describer": false, "Getaway": false, "Listener": false,
		"CheckinInstance": false, "Describe2": false, "Describe_X": false, "describeInstances": false, "DESCRIBEINSTANCES": false, "XDescribeY": false,
		"StartDescribe": false, "Researcher": false,
	} {
		require.Equal(t, want, tcretry.Idempotent(probe.APIRequest(t, "cvm", action, `{}`)), action)
	}
}

func TestIdempotentExcludesActionsThatWriteDespiteTheirNames(t *testing.T) {
	for _, c := range []struct {
		service, action string
		want            bool
	}{
		{"vod", "DescribeFileAttributes", false},
		{"vod", "DescribeMediaInfos", true},
		{"cvm", "DescribeFileAttributes", true},
		{"tcss", "DescribeAssetImageRegistryVirusListExport", false},
		{"tcss", "DescribeEscapeEventsExport", false},
		{"tcss", "DescribeVulExportList", false},
		{"tcss", "DescribeExportJobResult", true},
		{"tcss", "DescribeExportJobDownloadURL", true},
		{"tcss", "Describe", true},
		{"csip", "DescribeVulExport", true},
		{"cpdp", "CheckAmount", false},
		{"cpdp", "CheckAcct", false},
		{"cvm", "CheckAmount", true},
	} {
		require.Equal(t, c.want, tcretry.Idempotent(probe.APIRequest(t, c.service, c.action, `{}`)), c)
	}
}

func TestIdempotentAppliesTheExceptionsOfAnyServiceToAnUnknownOne(t *testing.T) {
	for action, body := range map[string]string{"CheckAmount": `{}`, "RunInstances": `{"ClientToken":"t"}`} {
		req := probe.APIRequest(t, "cvm", action, body)
		require.Equal(t, true, tcretry.Idempotent(req), action)
		req.URL.Host, req.Host = "gateway.example", "gateway.example"
		require.Equal(t, false, tcretry.Idempotent(req), action)
	}
}

func TestIdempotentAcceptsAClientToken(t *testing.T) {
	for body, want := range map[string]bool{
		`{"ClientToken":"t"}`:                         true,
		`{"ClientToken":"t","A":1E400}`:               true,
		`{"A":{"B":[1,{"C":"d"}]},"ClientToken":"t"}`: true,
		"\n { \"\\u0043lientToken\" : \"t\" } \n":     true,
		`{"ClientToken":"","ClientToken":"t"}`:        true,
		`{"ClientToken":"t","ClientToken":""}`:        false,
		`{"ClientToken":"t","ClientToken":null}`:      false,
		`{"ClientToken":""}`:                          false,
		`{"ClientToken":" "}`:                         false,
		`{"ClientToken":null}`:                        false,
		`{"ClientToken":7}`:                           false,
		`{"ClientToken":["t"]}`:                       false,
		`{"ClientToken":{"ClientToken":"t"}}`:         false,
		`{"clienttoken":"t"}`:                         false,
		`{"A":{"ClientToken":"t"}}`:                   false,
		`{"A":"ClientToken"}`:                         false,
		`["ClientToken","t"]`:                         false,
		`"ClientToken"`:                               false,
		`{"ClientToken":"t"`:                          false,
		`{"ClientToken":"t"}{}`:                       false,
		`{"ClientToken":"t",}`:                        false,
		`{"ClientToken":"t"}x`:                        false,
		`ClientToken=t`:                               false,
		``:                                            false,
		`{"DryRun":true}`:                             false,
	} {
		require.Equal(t, want, tcretry.Idempotent(probe.APIRequest(t, "cvm", "RunInstances", body)), body)
	}
}

func TestIdempotentReadsATokenFromNoOtherKindOfBody(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/json": true, "Application/JSON; charset=utf-8": true,
		"application/octet-stream": false, "multipart/form-data; boundary=x": false, "text/plain": false, "": false,
	} {
		req := probe.APIRequest(t, "cvm", "RunInstances", `{"ClientToken":"t"}`)
		req.Header.Set("Content-Type", contentType)
		require.Equal(t, want, tcretry.Idempotent(req), contentType)
	}
}

func TestIdempotentReadsATokenFromAPartOfAMultipartBody(t *testing.T) {
	field := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	const end = "--x--\r\n"
	for body, want := range map[string]bool{
		field("ClientToken", "t") + end:                             true,
		field("File", "abc") + field("ClientToken", "t") + end:      true,
		field("ClientToken", "") + field("ClientToken", "t") + end:  true,
		field("ClientToken", "t") + field("ClientToken", " ") + end: false,
		field("ClientToken", ""):                                    false,
		field("ClientToken", "t"):                                   false,
		field("ClientToken", strings.Repeat("t", 2000)) + end:       false,
		field("File", "ClientToken") + end:                          false,
		field("clienttoken", "t") + end:                             false,
		"":                                                          false,
		`{"ClientToken":"t"}`:                                       false,
	} {
		req := probe.APIRequest(t, "cvm", "RunInstances", body)
		req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		require.Equal(t, want, tcretry.Idempotent(req), body)
		req.Header.Set("Content-Type", "multipart/form-data")
		require.Equal(t, false, tcretry.Idempotent(req), "without a boundary")
	}
}

func TestIdempotentReadsATokenFromAQueryOrAForm(t *testing.T) {
	const params = "Action=RunInstances&SecretId=AKIDEXAMPLE&ClientToken="
	for token, want := range map[string]bool{"t": true, "%41": true, "": false, "%zz": false, "t&ClientToken=": false} {
		get, err := http.NewRequest(http.MethodGet, "https://cvm.tencentcloudapi.com/?x", nil)
		require.NoError(t, err)
		get.URL.RawQuery = params + token
		require.Equal(t, want, tcretry.Idempotent(get), token)

		post, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/?ClientToken=t", strings.NewReader(params+token))
		require.NoError(t, err)
		post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, want, tcretry.Idempotent(post), token)
	}
}

func TestIdempotentIgnoresATokenThatTheActionIgnores(t *testing.T) {
	for _, c := range []struct {
		service, action string
		want            bool
	}{
		{"cfw", "AddEnterpriseSecurityGroupRules", false},
		{"ecm", "RunInstances", false},
		{"ess", "CreateDocument", false},
		{"ess", "CreateFlow", false},
		{"ess", "StartFlow", false},
		{"hai", "RunInstances", true},
		{"alb", "CreateLoadBalancer", true},
		{"billing", "CreateInstance", true},
	} {
		require.Equal(t, c.want, tcretry.Idempotent(probe.APIRequest(t, c.service, c.action, `{"ClientToken":"t"}`)), c)
	}
}

func TestIdempotentAcceptsTheTokenOfEveryOtherActionThatHasOne(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors/clienttoken_actions.json")
	require.NoError(t, err)
	var file struct {
		ClientToken map[string][]string `json:"client_token"`
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	var ignored []string
	for service, actions := range file.ClientToken {
		for _, action := range actions {
			if !tcretry.Idempotent(probe.APIRequest(t, service, action, `{"ClientToken":"t"}`)) {
				ignored = append(ignored, service+" "+action)
			}
		}
	}
	require.ElementsMatch(t, []string{
		"cfw AddEnterpriseSecurityGroupRules", "ecm RunInstances", "ess CreateDocument", "ess CreateFlow", "ess StartFlow",
	}, ignored)
}

func TestIdempotentIgnoresATokenWithoutAnAction(t *testing.T) {
	require.False(t, tcretry.Idempotent(probe.APIRequest(t, "cvm", "", `{"ClientToken":"t"}`)))
}

func TestIdempotentReadsACopyOfTheBodyByGetBodyOnly(t *testing.T) {
	const body = `{"ClientToken":"t"}`
	req := probe.APIRequest(t, "cvm", "RunInstances", body)
	require.True(t, tcretry.Idempotent(req))
	rest, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	require.Equal(t, body, string(rest))

	req = probe.APIRequest(t, "cvm", "RunInstances", body)
	req.GetBody = nil
	require.False(t, tcretry.Idempotent(req))
	req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
	require.False(t, tcretry.Idempotent(req))
}

func TestIdempotentReadsABodyUpToTheLimitOfTheAPI(t *testing.T) {
	const start, end, limit = `{"ClientToken":"t","A":"`, `"}`, 10 << 20
	padding := strings.Repeat("a", limit-len(start)-len(end))
	require.True(t, tcretry.Idempotent(probe.APIRequest(t, "cvm", "RunInstances", start+padding+end)))
	require.False(t, tcretry.Idempotent(probe.APIRequest(t, "cvm", "RunInstances", start+padding+"a"+end)))
}

func TestIdempotentAcceptsAnIdempotencyKey(t *testing.T) {
	for _, key := range []string{"Idempotency-Key", "X-Idempotency-Key", "x-idempotency-key"} {
		req := probe.APIRequest(t, "ecm", "RunInstances", `{}`)
		require.False(t, tcretry.Idempotent(req))
		req.Header[key] = nil // net/http: there, though not sent
		require.True(t, tcretry.Idempotent(req), key)
	}
}

// The official SDK sends this key with every request if UnsafeRetryOnConnectionFailure is
// set: the key does not identify a request.
func TestIdempotentIgnoresTheConstantKeyOfTheSDK(t *testing.T) {
	for name, want := range map[string]bool{"x": false, "X": true, "x1": true, "": true} {
		for _, key := range []string{"X-Idempotency-Key", "x-idempotency-key"} {
			req := probe.APIRequest(t, "cvm", "RunInstances", `{}`)
			req.Header[key] = []string{name}
			require.Equal(t, want, tcretry.Idempotent(req), name)
		}
	}
	req := probe.APIRequest(t, "cvm", "RunInstances", `{}`)
	req.Header.Set("X-Idempotency-Key", "x")
	req.Header.Set("Idempotency-Key", "order-1")
	require.True(t, tcretry.Idempotent(req))
	require.True(t, tcretry.Idempotent(func() *http.Request {
		read := probe.APIRequest(t, "cvm", "DescribeInstances", `{}`)
		read.Header.Set("X-Idempotency-Key", "x")
		return read
	}()))
}

func TestIdempotentDoesNotTreatAGetToTheAPIAsARead(t *testing.T) {
	for _, url := range []string{
		"https://cvm.tencentcloudapi.com/?Action=RunInstances", // the action writes
		"https://cvm.tencentcloudapi.com/",                     // no action at all
		"https://cvm.tencentcloudapi.com/?Action=Run%20It",     // an action that cannot be read
		"https://gateway.example/?Action=Run%20It",
	} {
		req, err := http.NewRequest(http.MethodGet, url, nil)
		require.NoError(t, err)
		require.False(t, tcretry.Idempotent(req), url)
	}
}

func TestIdempotentFollowsNetHTTPForRequestsThatAreNotToTheAPI(t *testing.T) {
	for method, want := range map[string]bool{
		"": true, "GET": true, "HEAD": true, "OPTIONS": true, "TRACE": true, "POST": false, "PUT": false, "DELETE": false, "get": false,
	} {
		require.Equal(t, want, tcretry.Idempotent(&http.Request{Method: method}), method)
	}
}

func TestIdempotentRecognizesTheReadOfEveryVector(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors/requests.json")
	require.NoError(t, err)
	var file struct {
		Requests []struct {
			Name, Method, URL, Body string
			Headers                 map[string]string
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Requests)
	for _, v := range file.Requests {
		for _, write := range []bool{false, true} {
			rename := strings.NewReplacer()
			if write {
				rename = strings.NewReplacer("DescribeInstances", "RunInstances")
			}
			req, err := http.NewRequest(v.Method, rename.Replace(v.URL), strings.NewReader(rename.Replace(v.Body)))
			require.NoError(t, err)
			for key, value := range v.Headers {
				req.Header[key] = []string{rename.Replace(value)}
			}
			require.Equal(t, !write, tcretry.Idempotent(req), v.Name)
		}
	}
}
