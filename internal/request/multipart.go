package request

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/tcretry/tcretry/internal/bodies"
)

// maxTokenLen is longer than any ClientToken: the API accepts 64 characters.
const maxTokenLen = 1 << 10

// multipartClientToken reads the parts of a copy of a multipart body, as a stream, to the
// end: a body that the API would reject has no token. Some actions of the API accept
// files this way; their other parameters are parts of their own.
func multipartClientToken(req *http.Request) string {
	_, attrs, err := mime.ParseMediaType(contentType(req))
	if err != nil || req.GetBody == nil {
		return ""
	}
	body, err := bodies.Fresh(req)
	if err != nil {
		return ""
	}
	defer body.Close()
	limited := &io.LimitedReader{R: body, N: MaxTokenBody + 1}
	token, ok := scanParts(multipart.NewReader(limited, attrs["boundary"]))
	if !ok || limited.N <= 0 {
		return ""
	}
	return token
}

// scanParts returns the last part that is named ClientToken, as for JSON. ok is false for
// anything but a whole body.
func scanParts(parts *multipart.Reader) (token string, ok bool) {
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return token, err == io.EOF
		}
		if part.FormName() != "ClientToken" {
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, maxTokenLen+1))
		if err != nil || len(value) > maxTokenLen {
			return "", false
		}
		token = string(value)
	}
}
