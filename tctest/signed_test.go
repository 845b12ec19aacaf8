package tctest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tctest"
)

// signTC3 signs a POST of "{}" with the secret key "key", correctly but for what it is
// given: the headers that it covers, in order, and the date of its credential.
func signTC3(req *http.Request, signedHeaders, date string) {
	now := time.Now().UTC()
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	sign := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	canonical := "POST\n/\n\n"
	for name := range strings.SplitSeq(signedHeaders, ";") {
		value := req.Header.Get(name)
		if name == "host" {
			value = req.Host
		}
		canonical += name + ":" + strings.ToLower(value) + "\n"
	}
	canonical += "\n" + signedHeaders + "\n" + sum("{}")
	day, seconds := now.Format(time.DateOnly), strconv.FormatInt(now.Unix(), 10)
	toSign := "TC3-HMAC-SHA256\n" + seconds + "\n" + day + "/cvm/tc3_request\n" + sum(canonical)
	signature := sign(sign(sign(sign([]byte("TC3key"), day), "cvm"), "tc3_request"), toSign)
	req.Header.Set("X-TC-Timestamp", seconds)
	req.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=id/"+date+"/cvm/tc3_request, SignedHeaders="+signedHeaders+
		", Signature="+hex.EncodeToString(signature))
}

func TestASignatureThatCoversTooLittleIsRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no day ends meanwhile
		today := time.Now().UTC().Format(time.DateOnly)
		for _, c := range []struct{ headers, date, want string }{
			{"content-type;host", today, ""},
			{"content-type;host;x-tc-action", today, ""},
			{"content-type;x-tc-action", today, "AuthFailure.SignatureFailure"},
			{"host;x-tc-action", today, "AuthFailure.SignatureFailure"},
			{"content-type;host", "2019-02-25", "AuthFailure.SignatureFailure"},
		} {
			api := tctest.NewAPI()
			api.CheckSignatures(map[string]string{"id": "key"})
			req := newRequest(t, "RunInstances", "{}")
			signTC3(req, c.headers, c.date)
			require.Equal(t, c.want, code(t, see(t, api, req)), "%s of %s", c.headers, c.date)
		}
	})
}
