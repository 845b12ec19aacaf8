package tc3_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// vector is a row of testdata/tc3.json.
type vector struct {
	Name, Method, Host, Service, Query, Payload string
	Timestamp                                   int64
	Action, Version, Region, Token              string
	SecretID                                    string            `json:"secret_id"`
	SecretKey                                   string            `json:"secret_key"`
	SignedHeaderValues                          map[string]string `json:"signed_header_values"`
	UnsignedPayload                             bool              `json:"unsigned_payload"`
	Headers                                     map[string]string
	Computed                                    map[string]string
	Published                                   map[string]string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/tc3.json")
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Vectors, 13)
	return file.Vectors
}

func (v vector) credentials() tc3.Credentials {
	return tc3.Credentials{SecretID: v.SecretID, SecretKey: v.SecretKey, Token: v.Token}
}

func (v vector) message() tc3.SignInput {
	payload := v.Payload
	if v.UnsignedPayload {
		payload = tc3.UnsignedPayload
	}
	return tc3.SignInput{
		Method: v.Method, Query: v.Query, Headers: v.SignedHeaderValues,
		PayloadHash: tc3.HashPayload([]byte(payload)), Service: v.Service, Timestamp: v.Timestamp,
	}
}

func TestSignAgreesWithEveryVectorAtEveryStep(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			m := v.message()
			got := tc3.Sign(v.credentials(), m)
			require.Equal(t, v.Computed["hashed_payload"], m.PayloadHash)
			require.Equal(t, v.Computed["signed_headers"], got.SignedHeaders)
			require.Equal(t, v.Computed["canonical_request"], got.CanonicalRequest)
			require.Equal(t, v.Computed["hashed_canonical_request"], tc3.HashPayload([]byte(got.CanonicalRequest)))
			require.Equal(t, v.Computed["credential_scope"], got.Scope)
			require.Equal(t, v.Computed["string_to_sign"], got.StringToSign)
			require.Equal(t, v.Computed["signature"], got.Value)
			require.Equal(t, v.Computed["authorization"], got.Authorization)
			if want, ok := v.Published["signature"]; ok {
				require.Equal(t, want, got.Value)
			}
			if want, ok := v.Headers["Authorization"]; ok {
				require.Equal(t, want, got.Authorization)
			}
		})
	}
}

func TestSignLeavesTheQueryOutOfAPost(t *testing.T) {
	v := vectors(t)[0]
	with := v.message()
	with.Query = "a=b"
	require.Equal(t, tc3.Sign(v.credentials(), v.message()), tc3.Sign(v.credentials(), with))
}

func TestSignTrimsAndLowersHeaderNamesAndValues(t *testing.T) {
	v := vectors(t)[0]
	odd := v.message()
	odd.Headers = map[string]string{
		"CONTENT-TYPE": "  Application/JSON; charset=UTF-8 ", " host ": "CVM.tencentcloudapi.com",
	}
	require.Equal(t, v.Computed["authorization"], tc3.Sign(v.credentials(), odd).Authorization)
}

func FuzzSign(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Method, v.Query, v.Host, v.Action, v.Service, v.SecretKey, v.Timestamp)
	}
	f.Fuzz(func(t *testing.T, method, query, host, action, service, key string, at int64) {
		m := tc3.SignInput{
			Method: method, Query: query, Service: service, Timestamp: at,
			Headers: map[string]string{"Host": host, "X-TC-Action": action},
		}
		c := tc3.Credentials{SecretID: "AKIDEXAMPLE", SecretKey: key}
		got := tc3.Sign(c, m)
		require.Len(t, got.Value, 64)
		require.Equal(t, "host;x-tc-action", got.SignedHeaders)
		require.Equal(t, got, tc3.Sign(c, m))
	})
}
