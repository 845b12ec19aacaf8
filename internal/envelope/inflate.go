package envelope

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"sync"

	"github.com/tcretry/tcretry/internal/bodies"
)

// contentCoding is the compression of a body.
type contentCoding uint8

const (
	uncoded contentCoding = iota
	gzipped
	deflated // zlib, or without its header and checksum: servers send both
)

// codingOf returns the coding that the values of Content-Encoding name. It returns false
// for a coding that cannot be decoded here, such as a list of codings.
func codingOf(values []string) (contentCoding, bool) {
	if len(values) == 0 {
		return uncoded, true
	}
	if len(values) > 1 {
		return uncoded, false
	}
	switch name := strings.Trim(values[0], " \t"); {
	case name == "", strings.EqualFold(name, "identity"):
		return uncoded, true
	case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
		return gzipped, true
	case strings.EqualFold(name, "deflate"):
		return deflated, true
	default:
		return uncoded, false
	}
}

// decode returns the API error in data after decompression: none if that fails or
// yields limit bytes or more. The caller of Peek receives the compressed bytes.
func (c contentCoding) decode(data []byte, limit int64, tasks bool) finding {
	if c == uncoded {
		return decode(data, tasks)
	}
	f := inflaters.Get().(*inflater)
	defer f.free()
	for _, open := range f.openers(c) {
		f.source.Reset(data)
		if found, ok := decodeInflated(open, limit); ok {
			return found
		}
	}
	return finding{}
}

// decodeInflated is decode for the reader that open returns; ok is true if it was read
// to its end. A decompression bomb costs no more than limit bytes of memory.
func decodeInflated(open opener, limit int64) (found finding, ok bool) {
	plain, err := open()
	if err != nil {
		return finding{}, false
	}
	prefix, end := bodies.ReadPrefix(plain, limit, -1)
	defer prefix.Free()
	if end != io.EOF {
		return finding{}, false
	}
	return decode(prefix.Bytes(), true), true
}

// opener starts to decode the source of an inflater.
type opener func() (io.Reader, error)

// inflater keeps the tables of the decompressors between responses: they are much
// larger than an API error.
type inflater struct {
	source     bytes.Reader
	gzipReader gzip.Reader
	zlibReader io.Reader // nil until it is needed, as its constructor reads
	rawReader  io.Reader // the same
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// free gives f back to the pool, without the body that it read.
func (f *inflater) free() {
	f.source.Reset(nil)
	inflaters.Put(f)
}

// openers returns the ways to decode a coding, in the order to try them.
func (f *inflater) openers(c contentCoding) []opener {
	if c == deflated {
		return []opener{f.zlib, f.raw}
	}
	return []opener{f.gzip}
}

func (f *inflater) gzip() (io.Reader, error) {
	return &f.gzipReader, f.gzipReader.Reset(&f.source)
}

func (f *inflater) zlib() (io.Reader, error) {
	if f.zlibReader != nil {
		return f.zlibReader, f.zlibReader.(zlib.Resetter).Reset(&f.source, nil)
	}
	opened, err := zlib.NewReader(&f.source)
	if err != nil {
		return nil, err // opened is a nil Reader, and not kept
	}
	f.zlibReader = opened
	return opened, nil
}

func (f *inflater) raw() (io.Reader, error) {
	if f.rawReader != nil {
		return f.rawReader, f.rawReader.(flate.Resetter).Reset(&f.source, nil)
	}
	f.rawReader = flate.NewReader(&f.source)
	return f.rawReader, nil
}
