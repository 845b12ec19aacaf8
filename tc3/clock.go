package tc3

import (
	"sync/atomic"
	"time"
)

const (
	// Only a difference of more than minSkew explains why the API rejected a
	// timestamp. The API permits five minutes; the time in the response is late by
	// as long as the response took.
	minSkew = 3 * time.Minute
	// maxSkew limits the correction. A wrong time zone makes at most 14 hours. A
	// request that is signed for a time in the far future could be replayed then by
	// whoever saw it, so no response may cause that.
	maxSkew = 24 * time.Hour
)

// clock is the local clock with the offset of the API's clock, at first zero.
type clock struct{ offset atomic.Int64 } // nanoseconds

// now returns the present time of the API's clock.
func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// correct sets the offset by the API's times in a response that rejected a timestamp,
// the most reliable first. It reports whether one of them explains the rejection, so that
// a signature made now is likely to be accepted.
//
// The offset is that from the local clock, not from the corrected one, so that concurrent
// calls all set the same. For a signature that expired while it waited for a connection
// the offset becomes zero.
func (c *clock) correct(signed time.Time, serverTimes []time.Time) bool {
	for _, server := range serverTimes {
		offset := time.Until(server)
		if !beyond(server.Sub(signed), minSkew) || beyond(offset, maxSkew) {
			continue
		}
		if !beyond(offset, minSkew) {
			offset = 0 // the local clock is right
		}
		c.offset.Store(int64(offset))
		return true
	}
	return false
}

func beyond(d, limit time.Duration) bool { return d > limit || d < -limit }
