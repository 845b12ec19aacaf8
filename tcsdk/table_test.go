package tcsdk_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcretry/tcretry/tcsdk"
	"github.com/tcretry/tcretry/tctest"
)

// The ways in which the SDK sends a call. Each meets a throttle, a transient error
// and then success, over a socket and a server that checks signatures.
var ways = map[string]struct {
	change func(*profile.ClientProfile)
	send   func(*common.Client) error
}{
	"TC3, POST": {},
	"TC3, GET":  {change: func(p *profile.ClientProfile) { p.HttpProfile.ReqMethod = http.MethodGet }},
	"TC3, unsigned payload": {change: func(p *profile.ClientProfile) {
		p.UnsignedPayload = true
	}},
	"v1, HmacSHA1, POST":   {change: func(p *profile.ClientProfile) { p.SignMethod = "HmacSHA1" }},
	"v1, HmacSHA256, POST": {change: func(p *profile.ClientProfile) { p.SignMethod = "HmacSHA256" }},
	"v1, HmacSHA256, GET": {change: func(p *profile.ClientProfile) {
		p.SignMethod, p.HttpProfile.ReqMethod = "HmacSHA256", http.MethodGet
	}},
	"a domain of the API through a proxy": {change: func(p *profile.ClientProfile) {
		p.HttpProfile.Proxy, p.HttpProfile.Endpoint = "http://"+p.HttpProfile.Endpoint, ""
	}},
	"octet-stream": {send: func(c *common.Client) error {
		r := tchttp.NewCommonRequest("cvm", "2017-03-12", "Call")
		r.SetOctetStreamParameters(map[string]string{"X-CVM-TopicId": "a"}, []byte("some\x00bytes"))
		return c.SendOctetStream(r, tchttp.NewCommonResponse())
	}},
	"Debug": {change: func(p *profile.ClientProfile) { p.Debug = true }},
}

func TestTheSDKOverASocket(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api, srv := serve(t)
			api.Script("Call", tctest.Throttle(), tctest.Fail("InternalError", "An internal error has occurred."))
			p := profileOf(srv)
			if way.change != nil {
				way.change(p)
			}
			product := newProduct(p)
			plain := common.NewCommonClient(common.NewCredential(testID, testKey), "ap-guangzhou", p)
			var out logged
			product.WithLogger(out.logger())
			plain.WithLogger(out.logger())
			require.NoError(t, tcsdk.New().Use(product, plain))
			for _, client := range []*common.Client{plain, &product.Client} {
				if way.send != nil {
					require.NoError(t, way.send(client))
				} else {
					require.NoError(t, send(client, "Call"))
				}
			}
			requireAttempts(t, api, "Call", 4)
			require.Equal(t, 2, api.Executions("Call"))
			require.NotContains(t, out.String(), testKey)
			require.NotContains(t, out.String(), "tcretry", "we write nothing to the SDK's log")
		})
	}
}

// streamed is the response of a streaming action, as the SDK's generator makes it.
type streamed struct {
	tchttp.BaseSSEResponse
}

// A throttle comes before the stream. Each event arrives when it was sent: the server
// sends the next only when the one before was received.
func TestAStreamIsRetriedBeforeItStartsAndArrivesEventByEvent(t *testing.T) {
	api, srv := serve(t)
	received := make(chan struct{})
	api.Script("Chat", tctest.Throttle(), tctest.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: {\"a\":1}\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-received:
			case <-req.Context().Done():
				return
			}
		}
	}))
	client := newProduct(profileOf(srv))
	require.NoError(t, tcsdk.New().Use(client))
	response := new(streamed)
	require.NoError(t, client.Send(request("Chat"), response))
	events := 0
	for event := range response.Events {
		require.NoError(t, event.Err)
		require.JSONEq(t, `{"a":1}`, string(event.Data))
		events++
		received <- struct{}{}
	}
	require.Equal(t, 3, events)
	requireAttempts(t, api, "Chat", 2)
}

// In the workspace the tests run with the version of the SDK that the examples need. By
// itself this module has the one in its go.mod, from before the SDK set its headers in
// their canonical form; the file in testdata has one whose errors wrap their cause.
func TestTheTestsPassWithAnOldAndANewSDKToo(t *testing.T) {
	if os.Getenv("GOWORK") == "off" {
		t.Skip("this is one of those runs")
	}
	for _, modules := range []string{"go.mod", "testdata/sdk-v1.3.212.mod"} {
		t.Run(modules, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "test", "-modfile="+modules, "-timeout", "100s", ".")
			cmd.Env = append(os.Environ(), "GOWORK=off")
			cmd.WaitDelay = time.Second
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
		})
	}
}
