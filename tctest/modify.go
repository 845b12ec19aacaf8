package tctest

import (
	"net/http"
	"time"
)

// Delay returns the reply delayed by d: the attempt arrives and is executed
// immediately, and the first byte of the response is sent d later.
func Delay(d time.Duration, a Reply) Reply {
	return a.with(func(a *Reply) { a.delay += d })
}

// Truncate returns the reply with its body cut short: the connection is closed after n
// bytes of the body, although the Content-Length announces all of them.
func Truncate(n int, a Reply) Reply {
	return a.with(func(a *Reply) { a.cut, a.keep = true, max(n, 0) })
}

// Gzip returns the reply with its body compressed and Content-Encoding: gzip. As with
// [http.Transport], a request without Accept-Encoding gets the body decompressed.
func Gzip(a Reply) Reply {
	return a.with(func(a *Reply) { a.encoding = "gzip" })
}

// Deflate returns the reply with its body compressed and Content-Encoding: deflate,
// which is the zlib format. [http.Transport] does not decompress it.
func Deflate(a Reply) Reply {
	return a.with(func(a *Reply) { a.encoding = "deflate" })
}

// Chunked returns the reply without a Content-Length.
func Chunked(a Reply) Reply {
	return a.with(func(a *Reply) { a.chunked = true })
}

// AfterExecution returns the reply preceded by the execution of the attempt: a 502 of
// a gateway that lost the response, or an InternalError that hides a success.
func AfterExecution(a Reply) Reply {
	return a.with(func(a *Reply) { a.executed = true })
}

// Header returns the reply with a header set, such as Retry-After.
func Header(key, value string, a Reply) Reply {
	return a.with(func(a *Reply) { a.header = setHeader(a.header, key, value) })
}

// Trailer returns the reply with a trailer after its body, which makes it chunked.
func Trailer(key, value string, a Reply) Reply {
	return a.with(func(a *Reply) {
		a.chunked = true
		a.trailer = setHeader(a.trailer, key, value)
	})
}

// with returns a changed copy of the reply, or of each reply that a Func returns.
func (a Reply) with(change func(*Reply)) Reply {
	if pick := a.pick; pick != nil {
		return Func(func(c Attempt) Reply { return pick(c).with(change) })
	}
	change(&a)
	return a
}

// resolve returns the reply to one attempt: itself, or what a Func returns for it.
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
