package tctest

import (
	"net/http"
	"time"
)

// Delay is the answer, d later: the attempt arrives and is executed at once,
// the first byte of the answer comes late.
func Delay(d time.Duration, a Reply) Reply {
	return a.with(func(a *Reply) { a.delay += d })
}

// Truncate is the answer with its body cut short: the connection closes after n
// bytes of it, though the Content-Length promises all.
func Truncate(n int, a Reply) Reply {
	return a.with(func(a *Reply) { a.cut, a.keep = true, max(n, 0) })
}

// Gzip is the answer with its body compressed and Content-Encoding: gzip. As
// with [http.Transport], a client that did not ask for it by Accept-Encoding
// gets the body decoded.
func Gzip(a Reply) Reply {
	return a.with(func(a *Reply) { a.encoding = "gzip" })
}

// Deflate is the answer with its body compressed and Content-Encoding: deflate,
// which is the zlib format. [http.Transport] does not decode it.
func Deflate(a Reply) Reply {
	return a.with(func(a *Reply) { a.encoding = "deflate" })
}

// Chunked is the answer without a Content-Length.
func Chunked(a Reply) Reply {
	return a.with(func(a *Reply) { a.chunked = true })
}

// AfterExecution is the answer of an API that executes the attempt before it answers:
// a 502 of a gateway that lost the answer, an InternalError that hides a
// success.
func AfterExecution(a Reply) Reply {
	return a.with(func(a *Reply) { a.executed = true })
}

// Header is the answer with a header set, such as Retry-After.
func Header(key, value string, a Reply) Reply {
	return a.with(func(a *Reply) { a.header = setHeader(a.header, key, value) })
}

// Trailer is the answer with a trailer after its body, and so chunked.
func Trailer(key, value string, a Reply) Reply {
	return a.with(func(a *Reply) {
		a.chunked = true
		a.trailer = setHeader(a.trailer, key, value)
	})
}

// with changes a copy of the answer, or of those that it picks.
func (a Reply) with(change func(*Reply)) Reply {
	if pick := a.pick; pick != nil {
		return Func(func(c Attempt) Reply { return pick(c).with(change) })
	}
	change(&a)
	return a
}

// resolve is the answer to one attempt.
func (a Reply) resolve(c Attempt) Reply {
	for a.pick != nil {
		a = a.pick(c)
	}
	return a
}

func setHeader(h http.Header, key, value string) http.Header {
	h = h.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set(key, value)
	return h
}
