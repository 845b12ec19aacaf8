package tc3

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// bufferLimit is how much of a body without GetBody is buffered in memory: the most that
// the API accepts.
const bufferLimit = 10 << 20

// payload is the body of a call and its hash. It owns the body of the request until the
// first attempt.
type payload struct {
	hash   string
	first  io.ReadCloser                 // for the first attempt
	again  func() (io.ReadCloser, error) // for later attempts, nil if they can have none
	empty  bool
	length int64
}

// newPayload returns the body of a request and its hash. With GetBody it hashes a second
// body as a stream and closes that; the request's own body is for the first attempt.
// Without GetBody the body must be read before the headers can be sent, and is buffered
// in memory, up to the API's own limit. If newPayload returns an error, it has closed the
// body.
//
// The signature does not cover the body of a GET, nor any body with UNSIGNED-PAYLOAD.
// Such a body is not read.
func newPayload(req *http.Request, unsigned bool) (*payload, error) {
	p := &payload{first: req.Body, again: req.GetBody, length: req.ContentLength}
	if p.empty = isEmpty(req.Body); p.empty {
		p.again = func() (io.ReadCloser, error) { return req.Body, nil }
	}
	switch {
	case unsigned:
		p.hash = HashPayload([]byte(UnsignedPayload))
	case p.empty || req.Method == http.MethodGet:
		p.hash = HashPayload(nil)
	case req.GetBody != nil:
		hash, err := hashCopy(req.GetBody)
		if err != nil {
			_ = req.Body.Close() // the error that counts is the other one
			return nil, fmt.Errorf("tcretry: tc3: hashing the body: %w", err)
		}
		p.hash = hash
	default:
		return p, p.buffer(req)
	}
	return p, nil
}

// isEmpty reports whether a body is empty. Some have a method Len, such as the one that
// tcretry sets on a non-idempotent GET so that net/http does not send it twice.
func isEmpty(body io.ReadCloser) bool {
	sized, ok := body.(interface{ Len() int })
	return body == nil || body == http.NoBody || ok && sized.Len() == 0
}

// hashCopy returns the hash of a body that getBody returns, and closes that body.
func hashCopy(getBody func() (io.ReadCloser, error)) (string, error) {
	body, err := getBody()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, body)
	if err = errors.Join(err, body.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// buffer reads the body of a request into memory and closes it.
func (p *payload) buffer(req *http.Request) error {
	defer req.Body.Close() // after reading: there is nothing to report
	if req.ContentLength > bufferLimit {
		return tooLarge()
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, bufferLimit+1))
	if err != nil {
		return fmt.Errorf("tcretry: tc3: reading the body: %w", err)
	}
	if len(body) > bufferLimit {
		return tooLarge()
	}
	if p.length <= 0 { // it was unknown; the base reports a wrong one
		p.length = int64(len(body))
	}
	p.hash = HashPayload(body)
	p.again = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	p.first, err = p.again()
	return err
}

func tooLarge() error {
	return &RequestError{Reason: fmt.Sprintf("its body has no GetBody and more than %d bytes: "+
		"set GetBody, or X-TC-Content-SHA256 to %s", bufferLimit, UnsignedPayload)}
}
