package tctest

import (
	"io"
	"maps"
	"net"
	"net/http"

	"github.com/tcretry/tcretry/tctest/internal/stream"
)

// Handler returns the API as an [http.Handler], for a server of your own. [API.Start]
// needs none.
func (api *API) Handler() http.Handler { return handler{api} }

// handler serves the API. A response that waits ends with the connection.
type handler struct{ api *API }

func (h handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		// The attempt never arrived whole: it is not recorded.
		panic(http.ErrAbortHandler)
	}
	attempt, reply, date := h.api.receive(req, sent)
	if stream.Sleep(req.Context(), reply.delay, nil) != nil {
		panic(http.ErrAbortHandler)
	}
	r := render(attempt, reply, date)
	switch r.kind {
	case refuse, drop:
		panic(http.ErrAbortHandler)
	case reset:
		h.reset(w)
	case serve:
		maps.Copy(w.Header(), r.header)
		r.handler.ServeHTTP(w, withBody(req, sent))
	default:
		h.respond(w, req, r)
	}
}

// respond sends a reply, part by part.
func (h handler) respond(w http.ResponseWriter, req *http.Request, r rendered) {
	maps.Copy(w.Header(), r.header)
	for key := range r.trailer {
		w.Header().Add("Trailer", key)
	}
	w.WriteHeader(r.status)
	flush := http.NewResponseController(w).Flush
	if r.chunked || r.cut {
		// Else net/http would set a Content-Length for a short body, and
		// send nothing of one that is cut.
		_ = flush()
	}
	for _, p := range r.body {
		if stream.Sleep(req.Context(), p.Wait, nil) != nil {
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(p.Data); err != nil {
			return
		}
		if r.chunked || r.cut {
			_ = flush()
		}
	}
	if r.cut {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), r.trailer)
}

// reset sends half of the headers and resets the connection. HTTP/2 has no half
// of the headers: there the stream is reset.
func (h handler) reset(w http.ResponseWriter) {
	c, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer c.Close()
	// To net/http half a line would be a malformed header, and no reset.
	_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
	_ = buf.Flush()
	if tcp, ok := c.(*net.TCPConn); ok {
		// Closing then sends a reset, not an end.
		_ = tcp.SetLinger(0)
	}
}
