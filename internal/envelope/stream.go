package envelope

import (
	"bytes"
	"io"

	"github.com/tcretry/tcretry/internal/bodies"
)

// maxInflated is how many bytes are decoded of a compressed body, in all, to detect a
// stream. Each step decodes the body from its beginning, and a server may send it byte
// by byte.
const maxInflated = 16 * DefaultLimit

// streamDetector decides, while a body is still arriving, whether reading on can still
// find an API error. If it cannot, the reader of the body, which may be a stream,
// receives immediately what has arrived. An envelope is one JSON object. So a body is
// none if it begins with anything else, or continues behind its first object. Nor is
// the end of the body awaited when that object is a success, because nothing that
// follows turns it into an error. When the object is an error, the end is awaited: only
// the end shows that nothing follows.
type streamDetector struct {
	coding   contentCoding
	limit    int64
	length   int64 // of the body; negative if it is unknown
	tasks    bool  // see decode
	scan     objectScan
	inflated int64 // bytes that were decoded of a compressed body
}

// settled reports whether the body cannot hold an API error any more. data is the body
// so far, which has not ended.
func (o *streamDetector) settled(data []byte) bool {
	if int64(len(data)) == o.length {
		return false // the next Read returns its end
	}
	if o.coding != uncoded {
		return o.inflatedSettled(data)
	}
	if int64(len(data)) < o.length && mayBeInsideObject(data) {
		return false // the rest is a part of one response, and on its way
	}
	return settled(&o.scan, data, o.tasks)
}

// mayBeInsideObject reports whether data may be the beginning of an object that goes on: it
// begins as one, and does not end as one.
func mayBeInsideObject(data []byte) bool {
	trimmed := bytes.TrimSpace(data)
	return len(trimmed) > 0 && trimmed[0] == '{' && trimmed[len(trimmed)-1] != '}'
}

func settled(scan *objectScan, data []byte, tasks bool) bool {
	switch scan.next(data) {
	case objectComplete:
		return decode(data[:scan.end], tasks).failure == nil
	case notObject:
		return true
	}
	return false
}

// inflatedSettled is settled for a compressed body: it decodes as much of data as it
// can, which for a stream is each event that was flushed.
func (o *streamDetector) inflatedSettled(data []byte) bool {
	if o.inflated >= maxInflated {
		return false
	}
	f := inflaters.Get().(*inflater)
	defer f.free()
	for _, open := range f.openers(o.coding) {
		f.source.Reset(data)
		plain, err := open()
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return false
		}
		if err != nil {
			continue
		}
		prefix, end := bodies.ReadPrefix(plain, o.limit, -1)
		defer prefix.Free()
		o.inflated += int64(len(prefix.Bytes()))
		switch end {
		case nil:
			return true // longer than the limit
		case io.EOF, io.ErrUnexpectedEOF:
			return settled(new(objectScan), prefix.Bytes(), true)
		}
	}
	return true // what cannot be decoded is no envelope
}
