package request_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/request"
)

// Behind a gateway, only the scope of the signature names the service.
func TestIdentifyReadsTheCredentialOfASignature(t *testing.T) {
	long := strings.Repeat("a", 256)
	for authorization, want := range map[string][2]string{ // credential and service
		"TC3-HMAC-SHA256 Credential=AKID/2019-02-25/cvm/tc3_request, SignedHeaders=host, Signature=0": {"AKID", "cvm"},
		"TC3-HMAC-SHA256 Credential=AKID/2019-02-25/cvm/tc3_request SignedHeaders=host":               {"AKID", "cvm"},
		"TC3-HMAC-SHA256 Credential=AKID/2019-02-25/cvm/tc3_request":                                  {"AKID", "cvm"},
		"TC3-HMAC-SHA256 SignedHeaders=host, Credential=AKID/2019-02-25/CVM/tc3_request, Signature=0": {"AKID", "cvm"},
		"TC3-HMAC-SHA256 Credential=AKID/2019-02-25/cvm/tc3_requests":                                 {"AKID", ""},
		"TC3-HMAC-SHA256 Credential=AKID/2019-02-25/cvm":                                              {"AKID", ""},
		"TC3-HMAC-SHA256 Credential=AKID/":                                                            {"AKID", ""},
		"TC3-HMAC-SHA256 Credential=A/2019-02-25/cvm/tc3_request":                                     {"A", "cvm"},
		"TC3-HMAC-SHA256 Credential=/2019-02-25/cvm/tc3_request":                                      {"", ""},
		"TC3-HMAC-SHA256 Credential=AKID":                                                             {"", ""},
		"TC3-HMAC-SHA256 Credential=" + long + "/2019-02-25/cvm/tc3_request":                          {long, "cvm"},
		"TC3-HMAC-SHA256 Credential=" + long + "a/2019-02-25/cvm/tc3_request":                         {"", ""},
		"TC3-HMAC-SHA256 ": {"", ""}, "SKIP": {"", ""}, "": {"", ""},
	} {
		req, err := http.NewRequest(http.MethodPost, "https://gateway.example/", http.NoBody)
		require.NoError(t, err)
		req.Header = http.Header{"Authorization": {authorization}, "X-Tc-Action": {"RunInstances"}}
		id := request.Identify(req)
		require.Equal(t, want, [2]string{id.Credential, id.Service}, authorization)
		_, credential, ok := request.SignedAction(req.Header)
		require.Equal(t, authorization != "", ok)
		require.Equal(t, want[0], credential, authorization)
	}
}
