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

// bufferLimit is how much of a body without GetBody is held in memory: the most
// that the API takes.
const bufferLimit = 10 << 20

// payload is the body of a call and its hash. It owns the body of the request
// until an attempt takes it.
type payload struct {
	hash   string
	first  io.ReadCloser                 // for the first attempt
	again  func() (io.ReadCloser, error) // for another one, nil if there is none
	empty  bool
	length int64
}

// newPayload hashes the body of a request. With GetBody it does so as a
// stream, over a second body that it closes; the request's own is for the
// attempt. Without, the body has to be read before the headers can be sent,
// and is kept in memory, up to the API's own limit. On error it has closed the
// body.
//
// The API signs no body of a GET, and none under UNSIGNED-PAYLOAD; it is not
// read then.
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

// isEmpty reports whether there is nothing in a body. Some say so by Len, as that
// of an order by GET, which tcretry keeps net/http from sending twice.
func isEmpty(body io.ReadCloser) bool {
	sized, ok := body.(interface{ Len() int })
	return body == nil || body == http.NoBody || ok && sized.Len() == 0
}

// hashCopy reads a body that getBody makes to its end and closes it.
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
	defer req.Body.Close() // read to its end, or given up: nothing to report
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
	if p.length <= 0 { // unknown so far; a wrong one is for the base to report
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
