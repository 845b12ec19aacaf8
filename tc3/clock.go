package tc3

import (
	"sync/atomic"
	"time"
)

const (
	// skewFloor is the least difference that can be why the API refused a
	// timestamp. Its window is five minutes; the answer tells its time late, by
	// as long as it took to come.
	skewFloor = 3 * time.Minute
	// skewCeiling bounds what is believed. A wrong time zone is at most 14
	// hours off. A request signed for a far future could be sent by whoever
	// saw it once that future comes, so an answer must not bring that about.
	skewCeiling = 24 * time.Hour
)

// clock is the local clock and how far the API's is ahead of it. The zero
// value trusts the local one.
type clock struct{ offset atomic.Int64 } // nanoseconds

// now returns the API's time as far as it is known.
func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// learn takes the API's times that came with the refusal of a timestamp, the
// most trusted first, and reports whether one of them explains the refusal: a
// signature made now is likely to be taken then.
//
// The offset is taken from the local clock as it is, not as mended so far, so
// calls that are refused together all learn the same. A signature that grew old
// while it waited for a connection explains itself and leaves the offset at zero.
func (c *clock) learn(signed time.Time, told []time.Time) bool {
	for _, server := range told {
		offset := time.Until(server)
		if !beyond(server.Sub(signed), skewFloor) || beyond(offset, skewCeiling) {
			continue
		}
		if !beyond(offset, skewFloor) {
			offset = 0 // the local clock was set right
		}
		c.offset.Store(int64(offset))
		return true
	}
	return false
}

func beyond(d, limit time.Duration) bool { return d > limit || d < -limit }
