package request_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/request"
)

// The method says something about a request to another service only, and a key is one
// if it identifies the request.
func TestIdempotent(t *testing.T) {
	for name, c := range map[string]struct {
		method, address string
		header          http.Header
		want            bool
	}{
		"a GET of another service":         {"GET", "https://gateway.example/", nil, true},
		"a POST of another service":        {"POST", "https://gateway.example/", nil, false},
		"a v1 action behind a gateway":     {"GET", "https://gateway.example/?Action=RunInstances", nil, false},
		"a v1 read behind a gateway":       {"GET", "https://gateway.example/?Action=DescribeInstances", nil, true},
		"a v1 action without a value":      {"GET", "https://gateway.example/?Action=", nil, true},
		"an action in a header":            {"GET", "https://gateway.example/", http.Header{"X-Tc-Action": {"RunInstances"}}, false},
		"a GET of the API without action":  {"GET", "https://cvm.tencentcloudapi.com/", nil, false},
		"a key":                            {"POST", "https://gateway.example/", http.Header{"Idempotency-Key": {"x"}}, true},
		"a key without a value":            {"POST", "https://gateway.example/", http.Header{"Idempotency-Key": nil}, true},
		"a key by its other name":          {"POST", "https://gateway.example/", http.Header{"X-Idempotency-Key": {"a"}}, true},
		"it without a value":               {"POST", "https://gateway.example/", http.Header{"X-Idempotency-Key": {}}, true},
		"it in lower case, with two":       {"POST", "https://gateway.example/", http.Header{"x-idempotency-key": {"x", "x"}}, true},
		"the constant of the official SDK": {"POST", "https://gateway.example/", http.Header{"X-Idempotency-Key": {"x"}}, false},
	} {
		req, err := http.NewRequest(c.method, c.address, http.NoBody)
		require.NoError(t, err)
		req.Header = c.header
		require.Equal(t, c.want, request.Idempotent(req, ""), name)
	}
}

func TestHasHeader_WithoutRegardToCaseAndValue(t *testing.T) {
	for _, h := range []http.Header{{"X-Tc-Action": {"a"}}, {"X-Tc-Action": nil}, {"x-tc-action": {"a"}}, {"X-TC-ACTION": {}, "A": {"b"}}} {
		require.True(t, request.HasHeader(h, "X-Tc-Action"), h)
	}
	for _, h := range []http.Header{nil, {}, {"X-Tc-Actions": {"a"}}, {"X-Tc-Actio": {"a"}, "Authorization": {"a"}}, {"X-Tc-Region": {"X-Tc-Action"}}} {
		require.False(t, request.HasHeader(h, "X-Tc-Action"), h)
	}
}
