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

// contentCoding is how the bytes of a body are coded.
type contentCoding uint8

const (
	uncoded contentCoding = iota
	gzipped
	deflated // zlib, or without its frame: servers send both
)

// codingOf returns the coding that the values of Content-Encoding name, and
// false if it is none that can be undone here; a list of codings is none.
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

// decode finds out whether data, once decoded, reports a failure. What cannot
// be decoded without error to less than limit bytes does not. The decoded bytes
// are for this look only: the caller gets those that came.
func (c contentCoding) decode(data []byte, limit int64) finding {
	if c == uncoded {
		return decode(data)
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

// decodeInflated is decode for what open gives to read; ok says that it was
// read whole. The limit holds whatever the input promises: a bomb is left when
// it has filled the buffer.
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
	return decode(prefix.Bytes()), true
}

// opener starts to decode the source of an inflater.
type opener func() (io.Reader, error)

// inflater keeps the tables of the decompressors between answers: they are much
// larger than the envelope that is looked for.
type inflater struct {
	source     bytes.Reader
	gzipReader gzip.Reader
	zlibReader io.Reader // nil until it is needed, as its constructor reads
	rawReader  io.Reader // the same
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// free gives f back, without the body that it read.
func (f *inflater) free() {
	f.source.Reset(nil)
	inflaters.Put(f)
}

// openers are the ways to decode a coding, to be tried in turn.
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
