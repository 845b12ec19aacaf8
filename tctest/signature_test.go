package tctest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// signed is a request whose signature was made by another implementation.
type signed struct {
	name      string
	id, key   string
	timestamp int64
	request   func(testing.TB) *http.Request
	spoil     func(*http.Request) // any change that the signature covers
}

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}

// tc3Vectors are the requests of tc3.json.
func tc3Vectors(t testing.TB) []signed {
	t.Helper()
	var file struct {
		Vectors []struct {
			Name, Method, Host, Path, Query, Payload, Service string
			Action, Version, Region                           string
			Timestamp                                         int64
			SecretID                                          string            `json:"secret_id"`
			SecretKey                                         string            `json:"secret_key"`
			SignedHeaderValues                                map[string]string `json:"signed_header_values"`
			UnsignedPayload                                   bool              `json:"unsigned_payload"`
			Computed                                          struct {
				Date, Signature string
				SignedHeaders   string `json:"signed_headers"`
			}
		}
	}
	readVectors(t, "tc3.json", &file)
	var all []signed
	for _, v := range file.Vectors {
		request := func(t testing.TB) *http.Request {
			target := "https://" + v.Host + v.Path
			if v.Query != "" {
				target += "?" + v.Query
			}
			req, err := http.NewRequestWithContext(t.Context(), v.Method, target, strings.NewReader(v.Payload))
			require.NoError(t, err)
			req.Header.Set("X-TC-Action", v.Action)
			req.Header.Set("X-TC-Version", v.Version)
			req.Header.Set("X-TC-Timestamp", strconv.FormatInt(v.Timestamp, 10))
			for key, value := range v.SignedHeaderValues {
				req.Header.Set(key, value)
			}
			if v.UnsignedPayload {
				req.Header.Set("X-TC-Content-SHA256", "UNSIGNED-PAYLOAD")
			}
			req.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/%s/tc3_request, SignedHeaders=%s, Signature=%s",
				v.SecretID, v.Computed.Date, v.Service, v.Computed.SignedHeaders, v.Computed.Signature))
			return req
		}
		all = append(all, signed{
			name: "tc3 " + v.Name, id: v.SecretID, key: v.SecretKey, timestamp: v.Timestamp, request: request,
			spoil: func(req *http.Request) { req.Host = "cbs.tencentcloudapi.com" },
		})
	}
	return all
}

// v1Vectors are the requests of v1.json.
func v1Vectors(t testing.TB) []signed {
	t.Helper()
	var file struct {
		Vectors []struct {
			Name, Method, Host, Path string
			SecretKey                string `json:"secret_key"`
			Params                   map[string]string
			Computed                 struct{ Signature string }
		}
	}
	readVectors(t, "v1.json", &file)
	var all []signed
	for _, v := range file.Vectors {
		timestamp, err := strconv.ParseInt(v.Params["Timestamp"], 10, 64)
		require.NoError(t, err)
		values := url.Values{"Signature": {v.Computed.Signature}}
		for key, value := range v.Params {
			values.Set(key, value)
		}
		request := func(t testing.TB) *http.Request {
			req := formRequest(t, values.Encode())
			req.Host = v.Host
			if v.Method == http.MethodGet {
				req.Method, req.URL.RawQuery = http.MethodGet, values.Encode()
				req.Body, req.ContentLength = nil, 0
				req.Header.Del("Content-Type")
			}
			return req
		}
		all = append(all, signed{
			name: "v1 " + v.Name, id: v.Params["SecretId"], key: v.SecretKey, timestamp: timestamp,
			request: request, spoil: func(req *http.Request) { req.Host = "cbs.tencentcloudapi.com" },
		})
	}
	return all
}

// checked sends a signed request to an API whose clock is off by skew from the
// time of the signature, and returns the code of the response.
func checked(t *testing.T, v signed, key string, skew time.Duration, change func(*http.Request)) string {
	t.Helper()
	var got string
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.CheckSignatures(map[string]string{v.id: key})
		api.SetClock(time.Until(time.Unix(v.timestamp, 0)) + skew)
		req := v.request(t)
		change(req)
		resp := see(t, api, req)
		got = code(t, resp)
		if (got == "") != (executions(api) == 1) {
			t.Errorf("code %q, yet executed %d times", got, executions(api))
		}
	})
	return got
}

// executions are those of all actions.
func executions(api *tctest.API) int {
	n := 0
	for _, c := range api.Recorded() {
		if c.Executed {
			n++
		}
	}
	return n
}

func TestSignaturesAreVerified(t *testing.T) {
	same := func(*http.Request) {}
	for _, v := range append(tc3Vectors(t), v1Vectors(t)...) {
		t.Run(v.name, func(t *testing.T) {
			require.Equal(t, "", checked(t, v, v.key, 0, same))
			require.Equal(t, "", checked(t, v, v.key, 5*time.Minute, same))
			require.Equal(t, "", checked(t, v, v.key, -5*time.Minute, same))
			require.Equal(t, "AuthFailure.SignatureExpire", checked(t, v, v.key, 5*time.Minute+time.Second, same))
			require.Equal(t, "AuthFailure.SignatureExpire", checked(t, v, v.key, -5*time.Minute-time.Second, same))
			require.Equal(t, "AuthFailure.SignatureFailure", checked(t, v, "another", 0, same))
			require.Equal(t, "AuthFailure.SignatureFailure", checked(t, v, v.key, 0, v.spoil))
			v.id = "other"
			require.Equal(t, "AuthFailure.SecretIdNotFound", checked(t, v, v.key, 0, same))
		})
	}
}

// An empty path is sent, and signed, as "/".
func TestAURLWithoutAPathIsSignedLikeTheRoot(t *testing.T) {
	for _, v := range v1Vectors(t) {
		require.Equal(t, "", checked(t, v, v.key, 0, func(req *http.Request) { req.URL.Path = "" }), v.name)
	}
}

func TestASignatureCoversTheBody(t *testing.T) {
	for _, v := range tc3Vectors(t) {
		if strings.Contains(v.name, "unsigned") {
			continue
		}
		require.Equal(t, "AuthFailure.SignatureFailure", checked(t, v, v.key, 0, func(req *http.Request) {
			req.Body, req.ContentLength = http.NoBody, 0
			if v.request(t).ContentLength == 0 {
				req.Body, req.ContentLength = newRequest(t, "A", "{}").Body, 2
			}
		}), v.name)
	}
}

func TestSignaturesThatAreNotThereAreMissing(t *testing.T) {
	v := tc3Vectors(t)[0]
	require.Equal(t, "MissingParameter", checked(t, v, v.key, 0, func(req *http.Request) { req.Header.Del("Authorization") }))
	require.Equal(t, "MissingParameter", checked(t, v, v.key, 0, func(req *http.Request) { req.Header.Del("X-TC-Timestamp") }))
}

func TestASignatureMustCoverHostAndContentType(t *testing.T) {
	v := tc3Vectors(t)[0]
	require.Equal(t, "AuthFailure.SignatureFailure", checked(t, v, v.key, 0, func(req *http.Request) {
		req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), "content-type;", "", 1))
	}))
}

func TestSKIPIsAccepted(t *testing.T) {
	v := tc3Vectors(t)[0]
	require.Equal(t, "", checked(t, v, v.key, time.Hour, func(req *http.Request) { req.Header.Set("Authorization", "SKIP") }))
}

func TestTheErrorOfAnExpiredSignatureHasTheServersTime(t *testing.T) {
	v := tc3Vectors(t)[0]
	synctest.Test(t, func(t *testing.T) {
		api := tctest.NewAPI()
		api.CheckSignatures(map[string]string{v.id: v.key})
		resp, err := api.RoundTrip(v.request(t))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, time.Now().UTC().Format(http.TimeFormat), resp.Header.Get("Date"))
		require.Contains(t, see(t, api, v.request(t)).Body, fmt.Sprintf("the server time %d.", time.Now().Unix()))
	})
}
