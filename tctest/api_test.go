package tctest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// formRequest is a v1 POST.
func formRequest(t testing.TB, form string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(form))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// code is the API's error code in a response.
func code(t testing.TB, s seen) string {
	t.Helper()
	var body struct {
		Response struct{ Error struct{ Code string } }
	}
	require.NoError(t, json.Unmarshal([]byte(s.Body), &body), s.Body)
	return body.Response.Error.Code
}

func TestEachActionGoesThroughItsOwnScript(t *testing.T) {
	api := tctest.NewAPI(tctest.Status(401, ""), tctest.Status(402, ""))
	api.Script("A", tctest.Status(501, ""))
	api.Script("A", tctest.Status(502, ""))
	api.Default(tctest.Status(599, ""))
	var got []int
	for _, action := range []string{"B", "A", "A", "A", "C", "B"} {
		got = append(got, see(t, api, newRequest(t, action, "{}")).Status)
	}
	require.Equal(t, []int{401, 501, 502, 599, 402, 599}, got)
	require.Equal(t, 3, api.Attempts("A"))
	require.Equal(t, 6, api.Attempts(""))
}

func TestTheZeroScriptIsAnEmptySuccess(t *testing.T) {
	require.Equal(t, json200(`{"Response":{"RequestId":"`+id+`"}}`), see(t, tctest.NewAPI(), newRequest(t, "A", "{}")))
}

func TestWhatIsExecutedIsCounted(t *testing.T) {
	for _, tt := range []struct {
		name  string
		reply tctest.Reply
		want  int
	}{
		{"OK", tctest.OK(nil), 1},
		{"Fail", tctest.Fail("InternalError", ""), 0},
		{"FailTask", tctest.FailTask("FailedOperation", "", nil), 1},
		{"Throttle", tctest.Throttle(), 0},
		{"Status", tctest.Status(503, ""), 0},
		{"GatewayError", tctest.GatewayError(502), 0},
		{"RawBody", tctest.RawBody("a/b", nil), 1},
		{"Stream", tctest.Stream(0, "1"), 1},
		{"DropBeforeExecution", tctest.DropBeforeExecution(), 0},
		{"DropAfterExecution", tctest.DropAfterExecution(), 1},
		{"ResetInHeaders", tctest.ResetInHeaders(), 1},
		{"RefuseConnection", tctest.RefuseConnection(), 0},
		{"HandlerFunc", tctest.HandlerFunc(echo), 1},
		{"Truncate of OK", tctest.Truncate(1, tctest.OK(nil)), 1},
		{"AfterExecution of GatewayError", tctest.AfterExecution(tctest.GatewayError(502)), 1},
		{"Func", tctest.Func(func(tctest.Attempt) tctest.Reply { return tctest.Throttle() }), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := tctest.NewAPI(tt.reply)
			see(t, api, newRequest(t, "RunInstances", "{}"))
			require.Equal(t, tt.want, api.Executions("RunInstances"))
			require.Equal(t, tt.want == 1, api.Recorded()[0].Executed)
		})
	}
}

func TestAClientTokenIsExecutedOnceAndGetsTheFirstResult(t *testing.T) {
	result := func(n int) tctest.Reply { return tctest.OK(map[string]int{"N": n}) }
	const token = `{"ClientToken":"t"}`
	send := func(api *tctest.API, body string) string {
		return strings.ReplaceAll(see(t, api, newRequest(t, "RunInstances", body)).Body, `"`, "")
	}
	t.Run("after a response", func(t *testing.T) {
		api := tctest.NewAPI(result(1), result(2), result(3), result(4))
		require.Contains(t, send(api, token), "N:1")
		require.Contains(t, send(api, token), "N:1")
		require.Contains(t, send(api, `{"ClientToken":"other"}`), "N:3")
		require.Contains(t, send(api, "{}"), "N:4")
		require.Equal(t, 3, api.Executions("RunInstances"))
	})
	t.Run("after a response that was lost", func(t *testing.T) {
		api := tctest.NewAPI(tctest.DropAfterExecution(), result(2), result(3))
		send(api, token)
		require.Contains(t, send(api, token), "N:2")
		require.Contains(t, send(api, token), "N:2")
		require.Equal(t, 1, api.Executions("RunInstances"))
	})
	t.Run("but a throttle is not a result", func(t *testing.T) {
		api := tctest.NewAPI(tctest.Throttle(), result(2))
		send(api, token)
		require.Contains(t, send(api, token), "N:2")
		require.Equal(t, 1, api.Executions("RunInstances"))
	})
	t.Run("of another action it is another", func(t *testing.T) {
		api := tctest.NewAPI()
		send(api, token)
		see(t, api, newRequest(t, "CreateDisks", token))
		require.Equal(t, []int{1, 1}, []int{api.Executions("RunInstances"), api.Executions("CreateDisks")})
	})
}

func TestTheActionIsFoundWhereverItStands(t *testing.T) {
	var multi bytes.Buffer
	w := multipart.NewWriter(&multi)
	require.NoError(t, w.WriteField("ClientToken", "t"))
	require.NoError(t, w.Close())

	get := formRequest(t, "")
	get.Method, get.Body, get.ContentLength = http.MethodGet, nil, 0
	get.URL.RawQuery = "Action=RunInstances&Version=v&Region=r&ClientToken=t&SecretId=id&Signature=secret&Token=secret"
	tc3 := newRequest(t, "", `{"ClientToken":"t","Action":"no","N":1}`)
	tc3.Header = http.Header{
		"x-tc-ACTION": {"RunInstances"}, "X-TC-Version": {"v"}, "X-TC-Region": {"r"}, "X-TC-Token": {"secret"},
		"authorization": {"TC3-HMAC-SHA256 Credential=id/2026-11-23/cvm/tc3_request, SignedHeaders=host, Signature=secret"},
	}
	multipartRequest := newRequest(t, "RunInstances", multi.String())
	multipartRequest.Header = tc3.Header.Clone()
	multipartRequest.Header.Set("Content-Type", w.FormDataContentType())
	proxied := tc3.Clone(t.Context())
	proxied.Host = "127.0.0.1:8080"
	proxied.Body = http.NoBody
	proxied.ContentLength = 0

	for _, tt := range []struct {
		name  string
		req   *http.Request
		host  string
		token string
	}{
		{"v1 GET", get, "cvm.tencentcloudapi.com", "t"},
		{"v1 POST", formRequest(t, "Action=RunInstances&Version=v&Region=r&ClientToken=t&SecretId=id"), "cvm.tencentcloudapi.com", "t"},
		{"TC3 JSON, odd keys", tc3, "cvm.tencentcloudapi.com", "t"},
		{"TC3 multipart", multipartRequest, "cvm.tencentcloudapi.com", "t"},
		{"another host", proxied, "127.0.0.1:8080", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := tctest.NewAPI()
			see(t, api, tt.req)
			c := api.Recorded()[0]
			require.Equal(t, []string{"cvm", "RunInstances", "v", "r", tt.token, "id", tt.host},
				[]string{c.Service, c.Action, c.Version, c.Region, c.ClientToken, c.SecretID, c.Host})
			require.NotContains(t, fmt.Sprintf("%v %s", c.Header, c.URL), "secret")
		})
	}
}

func TestSecretsAreRedactedInTheRecord(t *testing.T) {
	api := tctest.NewAPI()
	signed := newRequest(t, "RunInstances", `{}`)
	signed.Header["authorization"] = []string{"TC3-HMAC-SHA256 Credential=id/2019-02-25/cvm/tc3_request, SignedHeaders=host, Signature=secret"}
	signed.Header["X-TC-TOKEN"] = []string{"secret"}
	before := signed.Header.Clone()
	see(t, api, signed)
	want := before.Clone()
	want["authorization"], want["X-TC-TOKEN"] = []string{"REDACTED"}, []string{"REDACTED"}
	require.Equal(t, want, api.Recorded()[0].Header)
	get, err := http.NewRequest(http.MethodGet, "https://cvm.tencentcloudapi.com/?Action=A&SecretId=id&Signature=secret&Token=secret", nil)
	require.NoError(t, err)
	see(t, api, get)
	for _, c := range api.Recorded() {
		require.Equal(t, "id", c.SecretID)
		require.NotContains(t, fmt.Sprintf("%+v", c), "secret")
	}
	require.Equal(t, before, signed.Header, "the request is unchanged")
}

func TestARecordHasTheURLWithoutSecrets(t *testing.T) {
	const host = "https://cvm.tencentcloudapi.com"
	for query, want := range map[string]string{
		"":                           "/",
		"?b=1&a=2":                   "/?b=1&a=2",
		"?b=1&a=2&Signature=secret":  "/?Signature=REDACTED&a=2&b=1",
		"?Token=secret":              "/?Token=REDACTED",
		"?a=%zz&Signature=secret":    "/",
		"?a=1;b=2&Signature=secret":  "/",
		"?SecretId=id&Timestamp=123": "/?SecretId=id&Timestamp=123",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host+"/"+query, nil)
		require.NoError(t, err)
		api := tctest.NewAPI()
		see(t, api, req)
		require.Equal(t, host+want, api.Recorded()[0].URL)
	}
}

func TestARecordHoldsTheAttemptAndItsReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI(tctest.Throttle(), tctest.DropAfterExecution())
		see(t, api, newRequest(t, "RunInstances", `{"N":1}`))
		time.Sleep(time.Second)
		see(t, api, newRequest(t, "RunInstances", `{"N":2}`))
		first, second := api.Recorded()[0], api.Recorded()[1]
		require.Equal(t, time.Second, second.Time.Sub(first.Time))
		first.Time, first.Header = time.Time{}, nil
		require.Equal(t, tctest.Attempt{
			Number: 1, Method: "POST", URL: "http://cvm.tencentcloudapi.com/", Host: "cvm.tencentcloudapi.com",
			Body: []byte(`{"N":1}`), Service: "cvm", Action: "RunInstances", Version: "2017-03-12", Region: "ap-guangzhou",
			RequestID: id, Reply: "Throttle", Status: 200, Code: "RequestLimitExceeded",
		}, first)
		require.Equal(t, []any{2, "DropAfterExecution", 0, true}, []any{second.Number, second.Reply, second.Status, second.Executed})
		require.NotEqual(t, first.RequestID, second.RequestID)
	})
}

// The zero Method of http.Request is GET.
func TestARequestWithoutAMethodIsAGET(t *testing.T) {
	api := tctest.NewAPI()
	api.KnownActions("A")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://cvm.tencentcloudapi.com/?Action=A&Version=v", nil)
	require.NoError(t, err)
	req.Method = ""
	require.Equal(t, "", code(t, see(t, api, req)))
	require.Equal(t, http.MethodGet, api.Recorded()[0].Method)
}

func TestMalformedRequestsGetTheAPIsOwnCodes(t *testing.T) {
	api := tctest.NewAPI()
	api.KnownActions("RunInstances")
	for _, tt := range []struct {
		change     func(*http.Request)
		want, text string
	}{
		{func(*http.Request) {}, "", ""},
		{func(r *http.Request) { r.Method = http.MethodPut }, "UnsupportedProtocol", "use GET or POST"},
		{func(r *http.Request) { r.Header.Del("X-TC-Action") }, "MissingParameter", "`Action`"},
		{func(r *http.Request) { r.Header.Del("X-TC-Version") }, "MissingParameter", "`Version`"},
		{func(r *http.Request) { r.Header.Set("X-TC-Action", "No") }, "InvalidAction", "`No`"},
	} {
		req := newRequest(t, "RunInstances", "{}")
		tt.change(req)
		got := see(t, api, req)
		require.Equal(t, tt.want, code(t, got))
		require.Contains(t, got.Body, tt.text)
	}
	require.Equal(t, 1, api.Executions("RunInstances"))
}

func TestLatencyIsAddedToEveryResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI(tctest.Delay(time.Second, tctest.OK(nil)))
		api.RateLimit("A", 1, tctest.FixedWindow)
		api.Latency(func() time.Duration { return time.Minute })
		start := time.Now()
		see(t, api, newRequest(t, "A", "{}"))
		require.Equal(t, time.Minute+time.Second, time.Since(start))
		see(t, api, newRequest(t, "A", "{}"))
		require.Equal(t, 2*time.Minute+time.Second, time.Since(start))
	})
}

func TestTheDateIsThatOfTheAPIsClock(t *testing.T) {
	for _, reply := range []tctest.Reply{tctest.OK(nil), tctest.OK("no object"), tctest.HandlerFunc(echo)} {
		for _, pipes := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				api := tctest.NewAPI(reply)
				api.SetClock(-10 * time.Minute)
				var base http.RoundTripper = api
				if pipes {
					base = api.PipeTransport(t)
				}
				resp, err := base.RoundTrip(newRequest(t, "A", "{}"))
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat), resp.Header.Get("Date"))
			})
		}
	}
}

func TestAThousandCallersEachGetAResponse(t *testing.T) {
	api := tctest.NewAPI()
	api.Default(tctest.Func(func(c tctest.Attempt) tctest.Reply {
		_ = api.Attempts("A") // Func may use the API
		return tctest.OK(map[string]int{"Number": c.Number})
	}))
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			resp, err := api.RoundTrip(newRequest(t, "A", "{}"))
			if err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 1000, api.Executions("A"))
	ids := map[string]bool{}
	for i, c := range api.Recorded() {
		require.Equal(t, i+1, c.Number)
		ids[c.RequestID] = true
	}
	require.Len(t, ids, 1000)
}

func TestTheTextsAreThoseOfTheVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors/envelopes.json")
	require.NoError(t, err)
	var vectors []struct {
		Name   string
		Expect struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal(raw, &vectors))
	texts := map[string]string{}
	for _, v := range vectors {
		texts[v.Name] = v.Expect.Message
	}
	for name, reply := range map[string]tctest.Reply{
		"rate_limit_en": tctest.Throttle(),
		"rate_limit_zh": tctest.Throttle(tctest.Chinese(), tctest.WithCounts(6, 5)),
	} {
		want, err := json.Marshal(texts[name])
		require.NoError(t, err)
		require.Contains(t, see(t, tctest.NewAPI(reply), newRequest(t, "A", "{}")).Body, string(want), name)
	}
	for want, reply := range map[string]tctest.Reply{
		"The number of requests exceeds the frequency limit.": tctest.Throttle(tctest.WithoutCounts()),
		"请求的次数超过了频率限制。":                                       tctest.Throttle(tctest.WithoutCounts(), tctest.Chinese()),
	} {
		require.Contains(t, see(t, tctest.NewAPI(reply), newRequest(t, "A", "{}")).Body, `"Message":"`+want+`"`)
	}
}
