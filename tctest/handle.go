package tctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
)

// errHandlerPanicked ends the body of a handler that panicked, as it ends that of a
// connection that breaks.
var errHandlerPanicked = io.ErrUnexpectedEOF

// handle runs the handler of a reply in memory. It returns when the handler has sent
// its header; the body is read while the handler writes it.
func handle(req *http.Request, body []byte, r rendered, trace clientTrace) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	pr, pw := io.Pipe()
	w := &handlerWriter{pw: pw, header: http.Header{}, sent: make(chan struct{})}
	maps.Copy(w.header, r.header)
	go func() {
		defer cancel()
		w.run(r.handler, withBody(req.WithContext(ctx), body))
	}()
	select {
	case <-req.Context().Done():
		pr.CloseWithError(context.Cause(req.Context()))
		return nil, context.Cause(req.Context())
	case <-w.sent:
	}
	if w.status == 0 {
		return nil, io.EOF
	}
	trace.gotFirstByte()
	resp := &http.Response{
		Status:     fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        w.snapshot,
		ContentLength: -1,
		Request:       req,
		Body:          newHandlerBody(req.Context(), pr, cancel),
	}
	if n, err := strconv.ParseInt(w.snapshot.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	} else {
		resp.TransferEncoding = []string{"chunked"}
	}
	return resp, nil
}

// handlerWriter is the http.ResponseWriter of a handler in memory.
type handlerWriter struct {
	pw     *io.PipeWriter
	header http.Header
	once   sync.Once
	// sent is closed when the header is sent, or will never be. The fields
	// below are set before, and not changed after.
	sent     chan struct{}
	status   int // 0: the handler panicked before
	snapshot http.Header
}

func (w *handlerWriter) Header() http.Header { return w.header }

func (w *handlerWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.snapshot = status, maps.Clone(w.header)
		close(w.sent)
	})
}

func (w *handlerWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pw.Write(p)
}

// Flush sends the header; what is written needs no flush.
func (w *handlerWriter) Flush() { w.WriteHeader(http.StatusOK) }

// run calls the handler. A panic ends the response as it would end the connection.
func (w *handlerWriter) run(h http.Handler, req *http.Request) {
	defer func() {
		if recover() != nil {
			w.once.Do(func() { close(w.sent) })
			w.pw.CloseWithError(errHandlerPanicked)
			return
		}
		w.WriteHeader(http.StatusOK)
		w.pw.Close()
	}()
	h.ServeHTTP(w, req)
}

// handlerBody reads what a handler writes, until the context ends.
type handlerBody struct {
	*io.PipeReader
	ctx  context.Context
	stop func() bool
	// cancel ends the handler's context, as the end of a connection does.
	cancel context.CancelFunc
}

func newHandlerBody(ctx context.Context, pr *io.PipeReader, cancel context.CancelFunc) *handlerBody {
	stop := context.AfterFunc(ctx, func() { pr.CloseWithError(context.Cause(ctx)) })
	return &handlerBody{PipeReader: pr, ctx: ctx, stop: stop, cancel: cancel}
}

func (b *handlerBody) Read(p []byte) (int, error) {
	n, err := b.PipeReader.Read(p)
	switch {
	case err != nil && b.ctx.Err() != nil:
		// The handler's context ends too, and the handler may return first:
		// what it wrote is not the whole response.
		err = context.Cause(b.ctx)
	case errors.Is(err, io.ErrClosedPipe):
		err = http.ErrBodyReadAfterClose
	}
	return n, err
}

func (b *handlerBody) Close() error {
	b.stop()
	b.cancel()
	return b.PipeReader.Close()
}
