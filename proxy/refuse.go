package proxy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// refusal is a response of the proxy's own.
type refusal struct {
	status        int
	code, message string
	retryAfter    bool
}

func badRequest(message string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "ProxyError.BadRequest", message: message}
}

func overloaded(what string) *refusal {
	return &refusal{
		status: http.StatusServiceUnavailable, code: "RequestLimitExceeded.ProxyOverloaded",
		message: what + ": the request was not sent, retry later", retryAfter: true,
	}
}

// marker stands where the API has its request id, so that nobody looks for one there.
const marker = "tcretry-proxy"

// body is the refusal in the form of the API's errors.
func (no *refusal) body() []byte {
	var envelope struct {
		Response struct {
			Error     struct{ Code, Message string }
			RequestID string `json:"RequestId"`
		}
	}
	envelope.Response.Error.Code = no.code
	envelope.Response.Error.Message = "tcretry proxy: " + no.message
	envelope.Response.RequestID = marker
	text, _ := json.Marshal(envelope) // strings only: no error
	return text
}

func (no *refusal) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if no.retryAfter {
		h.Set("Retry-After", "1")
	}
	return h
}

// maxReason limits the reason phrase: clients read a line, and some a short one.
const maxReason = 400

// reason is the reason phrase of the status line. The Node SDK shows nothing else of
// a response that is not a 200, nor does net/http of the response to a CONNECT.
func (no *refusal) reason() string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, "tcretry proxy: "+no.message)
	return http.StatusText(no.status) + " (" + text[:min(len(text), maxReason)] + ")"
}

// refuse sends the refusal, and ends the connection: net/http can send no reason
// phrase, and what is left of the request is not read.
func (p *Proxy) refuse(w http.ResponseWriter, no *refusal) {
	p.counts.refused.Add(1)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		h := w.Header()
		for key, values := range no.header() {
			h[key] = values
		}
		h.Set("Connection", "close")
		w.WriteHeader(no.status)
		_, _ = w.Write(no.body())
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(p.config.ClientTimeout))
	if no.write(rw.Writer) == nil {
		linger(conn)
	}
}

func (no *refusal) write(w *bufio.Writer) error {
	text := no.body()
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %d\r\n", no.status, no.reason(), len(text))
	_ = no.header().Write(w)
	_, _ = w.WriteString("\r\n")
	_, _ = w.Write(text)
	return w.Flush()
}

// lingerTime and lingerBytes are how long, and for how much, a connection is read
// that ends, as net/http does: closed immediately, it would be reset, and the client might
// never see the response.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

func linger(conn net.Conn) {
	if closeWrite(conn) != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, conn, lingerBytes)
}
