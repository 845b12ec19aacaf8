package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest/internal/stream"
)

// streamRequirements are those on the response's body.
var streamRequirements = []roundTripRequirement{{
	name: "response body is intact",
	why:  "the caller reads the base's bytes, all and no others, whatever the media type, the length and the size of the reads",
	check: func(p *probe) {
		for _, contentType := range []string{"application/json", "text/plain", "application/octet-stream", "text/event-stream"} {
			for _, n := range sizes {
				text := filler(n)
				resp := p.mustRespond("a call", fixed(http.StatusOK, contentType, text), newRequest(context.Background(), nil, 0))
				p.wantResponse(resp, http.StatusOK, text)
			}
		}
		resp := p.mustRespond("a call", fixed(http.StatusOK, "application/json", success), newRequest(context.Background(), nil, 0))
		if resp == nil {
			return
		}
		defer resp.Body.Close()
		var got []byte
		for one := make([]byte, 1); ; {
			n, err := resp.Body.Read(one)
			got = append(got, one[:n]...)
			if err != nil {
				break
			}
		}
		if string(got) != success {
			p.errorf("read byte by byte, the body is %q, want %q", got, success)
		}
	},
}, {
	name: "trailers are intact",
	why:  "http.Response.Trailer has its keys immediately and its values when the body was read to the end",
	check: func(p *probe) {
		base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
			resp := newResponse(sent, http.StatusOK, "application/json", nil, -1)
			resp.Trailer = http.Header{"X-Sum": nil}
			resp.Body = &responseBody{data: success, atEnd: func() { resp.Trailer["X-Sum"] = []string{"42"} }}
			return resp, nil
		})
		resp := p.mustRespond("a response with a trailer", base, newRequest(context.Background(), nil, 0))
		if resp == nil {
			return
		}
		defer resp.Body.Close()
		if _, announced := resp.Trailer["X-Sum"]; !announced {
			p.errorf("the trailer is not announced in Response.Trailer")
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.Trailer.Get("X-Sum") != "42" {
			p.errorf("after the body the trailer is %q (error %v), want 42", resp.Trailer.Get("X-Sum"), err)
		}
	},
}, {
	name: "a read error keeps its place",
	why:  "a body that breaks off gives the caller the bytes before it and then the base's error, not io.EOF",
	check: func(p *probe) {
		for _, n := range sizes {
			base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
				body := &responseBody{data: filler(n), err: &baseError{errDetail}}
				return newResponse(sent, http.StatusOK, "application/json", body, 1<<20), nil
			})
			resp := p.mustRespond("a body that breaks off", base, newRequest(context.Background(), nil, 0))
			if resp == nil {
				continue
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if len(got) != n || !errors.Is(err, errDetail) {
				p.errorf("a body that breaks off after %d bytes gave %d bytes and the error %v, want the base's", n, len(got), err)
			}
		}
	},
}, {
	name: "event streams come event by event",
	why:  "a text/event-stream, whatever its parameters, is returned before its first byte, and each event is readable when it arrives",
	check: func(p *probe) {
		for _, contentType := range []string{"text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream"} {
			p.wantEvents(contentType)
		}
	},
}, {
	name: "closing the response reaches the base",
	why:  "the caller may close a body that it has not read: the base's body must be closed, or the connection is lost",
	check: func(p *probe) {
		for _, n := range []int{1, 1 << 20} {
			var bodies []*responseBody
			base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
				bodies = append(bodies, &responseBody{data: filler(n)})
				return newResponse(sent, http.StatusOK, "application/json", bodies[len(bodies)-1], int64(n)), nil
			})
			resp := p.mustRespond("a call", base, newRequest(context.Background(), nil, 0))
			if resp == nil {
				return
			}
			if err := resp.Body.Close(); err != nil {
				p.errorf("Close returned the error %q, want that of the base's body: none", err)
			}
			for _, body := range bodies {
				if body.closed() == 0 {
					p.errorf("a response's body was never closed")
				}
			}
		}
	},
}, {
	name: "the response may be closed twice",
	why:  "callers close in a defer and again on the way; with http.Transport that does nothing",
	check: func(p *probe) {
		resp := p.mustRespond("a call", fixed(http.StatusOK, "application/json", success), newRequest(context.Background(), nil, 0))
		if resp == nil {
			return
		}
		_ = resp.Body.Close()
		if err := resp.Body.Close(); err != nil {
			p.errorf("the second Close returned the error %q, want none", err)
		}
	},
}, {
	name: "reading a closed response fails",
	why:  "after Close a Read returns no byte, and an error: a buffer that was read ahead may be in use by another call then",
	check: func(p *probe) {
		for _, before := range []int{0, 5} {
			resp := p.mustRespond("a call", fixed(http.StatusOK, "application/json", success), newRequest(context.Background(), nil, 0))
			if resp == nil {
				return
			}
			_, _ = io.ReadFull(resp.Body, make([]byte, before))
			_ = resp.Body.Close()
			if n, err := resp.Body.Read(make([]byte, 64)); n != 0 || err == nil {
				p.errorf("a Read after Close returned %d bytes and the error %v", n, err)
			}
		}
	},
}}

// wantEvents makes a call to a stream that sends an event per minute. The caller must
// read each event at its time.
func (p *probe) wantEvents(contentType string) {
	const event = "data: {}\n\n"
	start := time.Now()
	base := wellBehaved(func(sent *http.Request) (*http.Response, error) {
		one := stream.Part{Wait: time.Minute, Data: []byte(event)}
		parts := []stream.Part{one, one, one}
		return newResponse(sent, http.StatusOK, contentType, stream.New(sent.Context(), parts, io.EOF, nil), -1), nil
	})
	resp := p.mustRespond("an event stream", base, newRequest(context.Background(), nil, 0))
	if resp == nil {
		return
	}
	defer resp.Body.Close()
	if time.Since(start) > 0 {
		p.errorf("a stream of %s was returned only after %v, want immediately", contentType, time.Since(start))
		return
	}
	for i := 1; i <= 3; i++ {
		got := make([]byte, len(event))
		_, err := io.ReadFull(resp.Body, got)
		late := time.Since(start) - time.Duration(i)*time.Minute
		if err != nil || string(got) != event || late > 0 {
			p.errorf("event %d of %s came %v late (error %v)", i, contentType, late, err)
			return
		}
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || strings.TrimSpace(string(rest)) != "" {
		p.errorf("a stream of %s did not end after its events (error %v)", contentType, err)
	}
}
