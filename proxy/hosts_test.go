package proxy_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/proxy"
)

func TestItForwardsToHostsOfTheAPIAndThoseAllowedAndNoOther(t *testing.T) {
	var url string
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		url = req.URL.String()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
	}), proxy.Config{AllowHosts: []string{"gateway.local:8443", "plain.local", "*.corp.local", "10.0.0.7", "[::1]:9443"}})
	const (
		bad, host, port = "ProxyError.BadRequest", "ProxyError.HostNotAllowed", "ProxyError.PortNotAllowed"
	)
	for _, c := range []struct{ target, header, want string }{
		{"http://cvm.tencentcloudapi.com/", "", "https://cvm.tencentcloudapi.com/"},
		{"http://cvm.tencentcloudapi.com", "", "https://cvm.tencentcloudapi.com"},
		{"http://cvm.tencentcloudapi.com:80/?a=1", "", "https://cvm.tencentcloudapi.com/?a=1"},
		{"https://cvm.tencentcloudapi.com/", "", "https://cvm.tencentcloudapi.com/"},
		{"http://CVM.ap-guangzhou.TencentCloudAPI.com./", "", "https://cvm.ap-guangzhou.tencentcloudapi.com/"},
		{"http://cvm.internal.tencentcloudapi.com/", "", "https://cvm.internal.tencentcloudapi.com/"},
		{"http://hunyuan.ai.internal.tencentcloudapi.com/", "", "https://hunyuan.ai.internal.tencentcloudapi.com/"},
		{"http://cvm.intl.tencentcloudapi.com/", "", "https://cvm.intl.tencentcloudapi.com/"},
		{"http://cvm.tencentcloudapi.com.cn/", "", "https://cvm.tencentcloudapi.com.cn/"},
		{"http://cvm.tencentcloudapi.cn/", "", "https://cvm.tencentcloudapi.cn/"},
		{"http://cvm.api.qcloud.com/v2/index.php", "", "https://cvm.api.qcloud.com/v2/index.php"},
		{"/", "cvm.tencentcloudapi.com", "https://cvm.tencentcloudapi.com/"},
		{"http://user:password@cvm.tencentcloudapi.com/", "", "https://cvm.tencentcloudapi.com/"},

		{"http://gateway.local:8443/x", "", "https://gateway.local:8443/x"},
		{"http://plain.local/", "", "https://plain.local/"},
		{"http://a.corp.local/", "", "https://a.corp.local/"},
		{"http://10.0.0.7/", "", "https://10.0.0.7/"},
		{"http://[::1]:9443/", "", "https://[::1]:9443/"},
		{"http://gateway.local/", "", port},
		{"http://plain.local:8443/", "", port},
		{"http://corp.local/", "", host},

		{"http://cvm.tencentcloudapi.com:443/", "", port},
		{"https://cvm.tencentcloudapi.com:80/", "", port},
		{"http://cvm.tencentcloudapi.com:22/", "", port},
		{"http://example.com/", "", host},
		{"http://tencentcloudapi.com.evil.com/", "", host},
		{"http://eviltencentcloudapi.com/", "", host},
		{"http://169.254.169.254/latest/meta-data", "", host},
		{"http://127.0.0.1:8128/", "", host},
		{"http://localhost/", "", host},
		{"/", "example.com", host},
		{"/", "127.0.0.1:8128", host},
		{"/", "", bad},
		{"/", "a&b.tencentcloudapi.com", bad},
		{"/", "10.0.0.1:1:.tencentcloudapi.com", bad},
		{"http://10.0.0.1%2f.tencentcloudapi.com/", "", "HTTP 400"},
		{"http://..tencentcloudapi.com/", "", bad},
		{"http://.corp.local/", "", bad},
		{"ftp://cvm.tencentcloudapi.com/", "", bad},
		{"http://cvm.tencentcloudapi.com:080/", "", bad},
	} {
		url = ""
		// Whatever a header says, it is the host that counts.
		got := r.raw("GET " + c.target + " HTTP/1.0\r\nHost: " + c.header + "\r\nX-TC-Action: DescribeZones\r\n\r\n")
		switch {
		case got.status == 200:
			require.Equal(t, c.want, url, c.target)
		case got.code == "":
			require.Equal(t, c.want, "HTTP "+got.text[:3], c.target)
		default:
			require.Equal(t, c.want, got.code, c.target+c.header)
			require.Contains(t, got.text, got.message, "the status line says it as well")
		}
	}
}

// roundTripper is an API in memory.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestACONNECTThatIsRefusedSaysWhatToSet(t *testing.T) {
	r := serve(t, roundTripper(nil), proxy.Config{AllowHosts: []string{"plain.local"}})
	for target, want := range map[string][2]string{
		"cvm.tencentcloudapi.com:443":  {"ProxyError.ProtocolNotHTTP", "set the protocol of the client to HTTP"},
		"plain.local:443":              {"ProxyError.ProtocolNotHTTP", "NO_PROXY"},
		"github.com:443":               {"ProxyError.ProtocolNotHTTP", "which is not a host of the API"},
		"github.com:80":                {"ProxyError.HostNotAllowed", "-allow-host github.com"},
		"cvm.tencentcloudapi.com:8080": {"ProxyError.PortNotAllowed", "-allow-host cvm.tencentcloudapi.com:8080"},
		"cvm.tencentcloudapi.com":      {"ProxyError.BadRequest", "a port"},
	} {
		got := r.raw("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n")
		require.Contains(t, got.message, want[1], target)
		require.Equal(t, want[0], got.code)
		require.Contains(t, got.text, got.message, "all that some clients show is the status line")
	}
}

// net/http reports the status line alone. For our own Transport, in a Go program, it is
// a refusal that no retry can change.
func TestAGoProgramThatSpeaksHTTPSIsToldWhatToSet(t *testing.T) {
	r := serve(t, roundTripper(nil), proxy.Config{})
	req := request(t, "DescribeZones")
	req.URL.Scheme = "https"
	_, err := r.client().Do(req)
	require.ErrorContains(t, err, "set the protocol of the client to HTTP")
}

func TestARequestInATunnelMeansItsHost(t *testing.T) {
	r := serve(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{"To": {req.URL.Host}}, Body: http.NoBody}, nil
	}), proxy.Config{})
	for host, want := range map[string]int{
		apiHost: 200, apiHost + ":80": 200, "CVM.tencentcloudapi.com": 200, "": 200,
		"vpc.tencentcloudapi.com": 400, apiHost + ":81": 400, "example.com": 400,
	} {
		require.Equal(t, want, r.inTunnel("GET / HTTP/1.0\r\nHost: "+host+"\r\n\r\n").status, host)
	}
	require.Equal(t, 400, r.inTunnel("CONNECT "+apiHost+":80 HTTP/1.1\r\nHost: x\r\n\r\n").status)
}
