package tcretry

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// clientTokens is the table of the actions that have a ClientToken, sorted, one
// a line. Its columns are the service, the action and, for those that a token
// does not protect, why. alb and billing take the RequestId for a token when
// there is none, and honour one that is there.
// Source: the models.go files of the official Go SDK v1.3.166 and what they say
// of the field.
//
//go:embed clienttokens.tsv
var clientTokens string

// tokenAction is a row of the table, less the action.
type tokenAction struct{ service, unprotected string }

// tokenActions are the rows by action. They are made on first use.
var tokenActions = sync.OnceValue(func() map[string][]tokenAction {
	rows := map[string][]tokenAction{}
	_, text, _ := strings.Cut(clientTokens, "\n") // less the header
	for line := range strings.Lines(text) {
		service, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		action, unprotected, _ := strings.Cut(rest, "\t")
		rows[action] = append(rows[action], tokenAction{service, unprotected})
	}
	return rows
})

// honoursToken reports whether the action is known to execute once for all
// requests with one ClientToken.
func honoursToken(service, action string) bool {
	return slices.Contains(tokenActions()[action], tokenAction{service: service})
}

// ignoresToken reports whether the action is known to execute however often a
// ClientToken comes. A service that is not known may be any.
func ignoresToken(service, action string) bool {
	return slices.ContainsFunc(tokenActions()[action], func(a tokenAction) bool {
		return a.unprotected != "" && (service == "" || service == a.service)
	})
}

// newClientToken returns what the official SDK puts into an empty ClientToken: a
// random UUID in upper case. The API takes up to 64 ASCII characters.
func newClientToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never returns an error
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// giveToken makes the call one with a ClientToken, if it is one that
// [WithClientTokens] is about and its body has at most limit bytes: from then on
// the request of the call is a copy of the caller's, with a body of its own.
func (c *call) giveToken(limit int64) {
	if !c.takesToken() || c.req.ContentLength > min(limit, maxTokenBody) {
		return
	}
	source := c.req.Body
	if c.req.GetBody != nil {
		var err error
		if source, err = freshBody(c.req); err != nil {
			return // the attempts will find out, if they need it
		}
	}
	read, text := readWhole(c.ctx, source, min(limit, maxTokenBody))
	token := newClientToken()
	body, ok := withClientToken(text, token)
	// A body that is not as long as its request says is for the base to report.
	if ok && (c.req.ContentLength <= 0 || c.req.ContentLength == int64(len(text))) {
		c.token = token
		c.replaceBody(body)
	} else if c.req.GetBody == nil {
		// What was read of it is read again, then the rest.
		r := *c.req
		r.Body = read
		c.req = &r
		return
	}
	_ = read.Close() // read to its end, or a copy: nothing to report
}

// takesToken says that the request may be given a ClientToken.
func (c *call) takesToken() bool {
	req := c.req
	if req.Method != http.MethodPost || req.URL == nil || req.Body == nil || req.Body == http.NoBody {
		return false
	}
	id := c.identify()
	return honoursToken(id.Service, id.Action) && mediaType(req) == "application/json" && c.signedBelow()
}

// signedBelow says that no signature covers the request yet, or only one that
// the base makes anew. "Authorization: SKIP" and other schemes are left alone:
// what they say of the body is not known.
func (c *call) signedBelow() bool {
	if c.signsAnew() {
		return true
	}
	return !hasHeader(c.req.Header, headerAuthorization) && !c.req.URL.Query().Has("Signature")
}

// replaceBody makes the request of the call a copy of the caller's with another
// body. The caller's is closed: nobody will read it.
func (c *call) replaceBody(body []byte) {
	r := *c.req
	if r.GetBody != nil {
		_ = r.Body.Close() // not read: nothing to report
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength = int64(len(body))
	c.req = &r
}

// readWhole reads a body that has at most limit bytes to its end. The text is
// nil if it has more or cannot be read, else valid until read is closed; read
// gives all that the body would have given. The end of the context ends it.
func readWhole(ctx context.Context, body io.ReadCloser, limit int64) (read *peekedBody, text []byte) {
	shared := &closeOnce{ReadCloser: body}
	stop := context.AfterFunc(ctx, func() { _ = shared.Close() })
	defer stop()
	read = new(peekedBody)
	if text = read.fill(shared, limit+1, -1, nil); read.end != io.EOF || int64(len(text)) > limit {
		return read, nil
	}
	return read, text
}

// closeOnce is a body that two may close.
type closeOnce struct {
	io.ReadCloser
	once sync.Once
}

// Close closes the body the first time.
func (b *closeOnce) Close() (err error) {
	b.once.Do(func() { err = b.ReadCloser.Close() })
	return err
}
