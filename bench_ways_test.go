package tcretry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/internal/test/probe"
)

// lookOnly does nothing but what nobody who reads an answer before its caller
// can do without: read it into memory that is used again, search it for a
// failure, and hand it on. It is the floor under our own figures.
func lookOnly(base http.RoundTripper) http.RoundTripper {
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		buf := probe.ReadBuffers.Get().(*[]byte)
		n, err := io.ReadFull(resp.Body, (*buf)[:resp.ContentLength])
		if err != nil || bytes.Contains((*buf)[:n], []byte(`Error"`)) || bytes.IndexByte((*buf)[:n], '\\') >= 0 {
			return nil, fmt.Errorf("not a success: %v", err)
		}
		resp.Body = &lookedAt{resp.Body, buf, (*buf)[:n]}
		return resp, nil
	})
}

type lookedAt struct {
	io.Closer
	buf  *[]byte
	left []byte
}

func (b *lookedAt) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

func (b *lookedAt) Close() error {
	probe.ReadBuffers.Put(b.buf)
	return b.Closer.Close()
}

// unmarshalling does what people write instead: it reads every answer whole and
// unmarshals it.
func unmarshalling(base http.RoundTripper) http.RoundTripper {
	return probe.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var answer struct {
			Response struct{ Error *tcretry.APIError }
		}
		if err != nil || json.Unmarshal(body, &answer) != nil || answer.Response.Error != nil {
			return nil, fmt.Errorf("not a success: %v", err)
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, nil
	})
}

// retrying is go-retryablehttp, which does not look at the answer.
func retrying(base http.RoundTripper) http.RoundTripper {
	client := retryablehttp.NewClient()
	client.Logger = nil
	client.HTTPClient = &http.Client{Transport: base}
	return &retryablehttp.RoundTripper{Client: client}
}

// throughClient makes the calls as programs do.
func throughClient(wrap wrapper) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		return probe.RoundTripperFunc((&http.Client{Transport: wrap(base)}).Do)
	}
}

type wrapper func(base http.RoundTripper) http.RoundTripper

func bare(base http.RoundTripper) http.RoundTripper { return base }

func ours(base http.RoundTripper) http.RoundTripper { return tcretry.New(base) }
