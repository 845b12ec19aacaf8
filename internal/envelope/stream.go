package envelope

import (
	"io"

	"github.com/tcretry/tcretry/internal/bodies"
)

// maxOpenings bounds what is decoded of a compressed body to find out whether it is
// a stream: each look at it begins anew, and a server may send it byte by byte.
const maxInflated = 16 * DefaultLimit

// opening watches how a body begins, so that the reader of a stream gets what has
// come of it, and does not wait for what may come much later. An envelope is one
// JSON object, so a body that begins with anything else is none, nor is one that goes on
// behind its first object. An object that is a success is not waited for either:
// nothing that follows would make it a failure. One that is a failure is, to its
// end: only that tells that nothing follows.
type streamDetector struct {
	coding   contentCoding
	limit    int64
	length   int64 // of the body; negative if it is not known
	scan     objectScan
	inflated int64 // bytes that were decoded of a compressed body
}

// settled reports whether data, the body so far, which has not ended, will be found
// to hold no failure.
func (o *streamDetector) settled(data []byte) bool {
	if int64(len(data)) == o.length {
		return false // its end comes with the next Read
	}
	if o.coding != uncoded {
		return o.inflatedSettled(data)
	}
	return settled(&o.scan, data)
}

func settled(scan *objectScan, data []byte) bool {
	switch scan.next(data) {
	case objectComplete:
		return decode(data[:scan.end]).failure == nil
	case notObject:
		return true
	}
	return false
}

// inflatedSettled is settled for what data is once decoded, as far as it can be: of
// a stream, each event can.
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
			return true // more than an envelope may have
		case io.EOF, io.ErrUnexpectedEOF:
			return settled(new(objectScan), prefix.Bytes())
		}
	}
	return true // what cannot be decoded holds no failure
}
