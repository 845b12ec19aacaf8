package tctest

import (
	"net/http"
	"time"
)

// Delay is the answer, d later: the attempt arrives and is executed at once,
// the first byte of the answer comes late.
func Delay(d time.Duration, a Answer) Answer {
	return a.with(func(a *Answer) { a.delay += d })
}

// Truncate is the answer with its body cut short: the connection closes after n
// bytes of it, though the Content-Length promises all.
func Truncate(n int, a Answer) Answer {
	return a.with(func(a *Answer) { a.cut, a.keep = true, max(n, 0) })
}

// Gzip is the answer with its body compressed and Content-Encoding: gzip. As
// with [http.Transport], a client that did not ask for it by Accept-Encoding
// gets the body decoded.
func Gzip(a Answer) Answer {
	return a.with(func(a *Answer) { a.encoding = "gzip" })
}

// Deflate is the answer with its body compressed and Content-Encoding: deflate,
// which is the zlib format. [http.Transport] does not decode it.
func Deflate(a Answer) Answer {
	return a.with(func(a *Answer) { a.encoding = "deflate" })
}

// Chunked is the answer without a Content-Length.
func Chunked(a Answer) Answer {
	return a.with(func(a *Answer) { a.chunked = true })
}

// Executed is the answer of an API that executes the attempt before it answers:
// a 502 of a gateway that lost the answer, an InternalError that hides a
// success.
func Executed(a Answer) Answer {
	return a.with(func(a *Answer) { a.executed = true })
}

// Header is the answer with a header set, such as Retry-After.
func Header(key, value string, a Answer) Answer {
	return a.with(func(a *Answer) { a.header = setHeader(a.header, key, value) })
}

// Trailer is the answer with a trailer after its body, and so chunked.
func Trailer(key, value string, a Answer) Answer {
	return a.with(func(a *Answer) {
		a.chunked = true
		a.trailer = setHeader(a.trailer, key, value)
	})
}

// with changes a copy of the answer, or of those that it picks.
func (a Answer) with(change func(*Answer)) Answer {
	if pick := a.pick; pick != nil {
		return Func(func(c Call) Answer { return pick(c).with(change) })
	}
	change(&a)
	return a
}

// resolve is the answer to one attempt.
func (a Answer) resolve(c Call) Answer {
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
