package tc3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

func TestServiceOf(t *testing.T) {
	const signature = "TC3-HMAC-SHA256 Credential=AKID/2026-11-23/vpc/tc3_request, SignedHeaders=host, Signature=0"
	for name, row := range map[string]struct{ field, authorization, service string }{
		"the field":                {"cvm", "", "cvm"},
		"the field goes first":     {"cvm", signature, "cvm"},
		"a signature made outside": {"", signature, "vpc"},
		"another scheme":           {"", "Bearer x", ""},
		"nothing but the host":     {"", "", ""},
	} {
		req, err := http.NewRequest(http.MethodPost, "https://gateway.local/", strings.NewReader("{}"))
		require.NoError(t, err)
		req.Header.Set("Authorization", row.authorization)
		require.Equal(t, row.service, (&tc3.Transport{Service: row.field}).ServiceOf(req), name)
	}
}
