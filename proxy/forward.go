package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/tcretry/tcretry"
)

// forward makes the call and sends its response.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, host string, body []byte) {
	resp, err := p.transport.RoundTrip(outgoing(r, host, body))
	if r.Context().Err() != nil {
		p.counts.abandoned.Add(1)
		if err == nil {
			resp.Body.Close()
		}
		panic(http.ErrAbortHandler) // nobody is there to get a response
	}
	if err == nil && resp.StatusCode < http.StatusOK {
		resp.Body.Close()
		err = errors.New("the response switches protocols")
	}
	if err != nil {
		p.counts.failed.Add(1)
		p.refuse(w, refusalOf(err))
		return
	}
	defer resp.Body.Close()
	p.respond(w, r, resp)
}

// refusalOf is what the client gets for an error of the Transport.
func refusalOf(err error) *refusal {
	no := &refusal{status: http.StatusBadGateway, code: "ProxyError.NoResponse", message: strings.TrimPrefix(err.Error(), "tcretry: ")}
	if errors.Is(err, tcretry.ErrOutcomeUnknown) {
		no.code = "ProxyError.OutcomeUnknown"
	}
	return no
}

// outgoing is the request as the API gets it: what the client sent, less what is about
// its connection to the proxy.
func outgoing(r *http.Request, host string, body []byte) *http.Request {
	out := &http.Request{
		Method: r.Method,
		URL: &url.URL{
			Scheme: "https", Host: host,
			Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery,
		},
		Host:          r.Host, // signed
		Header:        r.Header.Clone(),
		Body:          http.NoBody,
		ContentLength: int64(len(body)),
	}
	removeHopByHop(out.Header)
	out.Header.Del("Expect") // the body is here already
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""} // net/http would add its own
	}
	if len(body) > 0 {
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		out.Body, _ = out.GetBody()
	}
	return out.WithContext(r.Context())
}

// hopByHop are the headers of a connection: RFC 9110, section 7.6.1.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// removeHopByHop removes the headers that are about a connection, those that the
// header Connection names included.
func removeHopByHop(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	for _, name := range hopByHop {
		h.Del(name)
	}
}

// respond sends a response as it comes. One that ends before its time ends the
// client's connection.
func (p *Proxy) respond(w http.ResponseWriter, r *http.Request, resp *http.Response) {
	h := w.Header()
	// net/http adds these where they are missing, but not where they are nil.
	h["Date"], h["Content-Type"] = nil, nil
	for key, values := range resp.Header {
		h[key] = values
	}
	removeHopByHop(h)
	for key := range resp.Trailer {
		h.Add("Trailer", key)
	}
	control := http.NewResponseController(w)
	p.extend(control)
	w.WriteHeader(resp.StatusCode)
	// Without a length nobody can say how soon the next part comes, as in a stream.
	stream := resp.ContentLength < 0
	if stream {
		_ = control.Flush()
	}
	if err := p.copy(w, resp.Body, stream); err != nil {
		if r.Context().Err() != nil {
			p.counts.abandoned.Add(1)
		} else {
			p.counts.failed.Add(1)
			_ = control.Flush() // what came before the end is the client's
		}
		panic(http.ErrAbortHandler)
	}
	for key, values := range resp.Trailer {
		h[key] = values
	}
}

// copy sends a body, each part immediately if it is a stream.
func (p *Proxy) copy(w http.ResponseWriter, body io.Reader, stream bool) error {
	buffer, ok := p.buffers.Get().(*[32 << 10]byte)
	if !ok {
		buffer = new([32 << 10]byte)
	}
	defer p.buffers.Put(buffer)
	control := http.NewResponseController(w)
	for {
		n, err := body.Read(buffer[:])
		if n > 0 {
			p.extend(control)
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			if stream {
				if err := control.Flush(); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// extend gives the client time to receive what is written next.
func (p *Proxy) extend(control *http.ResponseController) {
	_ = control.SetWriteDeadline(time.Now().Add(p.config.ClientTimeout))
}
