package request

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A copy of the body that is read for a token is closed, whatever it holds: it may be a
// file.
func TestEachCopyThatIsReadForATokenIsClosedOnce(t *testing.T) {
	for _, contentType := range []string{"application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"} {
		for _, text := range []string{`{"ClientToken":"t"}`, "no object", "--x--\r\n", "ClientToken=t", ""} {
			req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", http.NoBody)
			require.NoError(t, err)
			req.Header.Set("Content-Type", contentType)
			var copies []*closeCounter
			req.GetBody = func() (io.ReadCloser, error) {
				copies = append(copies, &closeCounter{Reader: strings.NewReader(text)})
				return copies[len(copies)-1], nil
			}
			clientToken(req)
			require.Len(t, copies, 1)
			require.Equal(t, 1, copies[0].closes, "%s: %s", contentType, text)
		}
	}
}
