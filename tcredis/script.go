package tcredis

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// keep is how long Redis remembers a key that nobody uses: longer than a nightly
// job pauses between its parts, so that it need not be rejected to learn again.
const keep = time.Hour

//go:embed book.lua
var source string

var script = redis.NewScript(source)

// order is what a lane asks of Redis.
type order struct {
	want       int  // bookings at the most; 0 for a look
	ahead      int  // of them those that may have to wait, at least 1
	quiet      bool // nothing was sent unbooked in the last second
	known, set int
	rejected   *rejection // nil if there is nothing to tell
	census     int64      // the one that counted this process last
}

// rejection is the count and the quota that a rejection told, 0 and 0 if none.
type rejection struct{ count, limit int }

// reply is what Redis says.
type reply struct {
	quota  int
	rate   float64 // attempts a second
	census int64
	fleet  int             // processes that book
	waits  []time.Duration // of the bookings, in order
}

// run executes the script. It runs in a goroutine of ours, where a panic of the
// client would end the process: it is a failure of Redis as any other.
func run(ctx context.Context, client redis.Scripter, key string, o order) (r reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("tcredis: the client panicked: %v", p)
		}
	}()
	count, told := -1, 0
	if o.rejected != nil {
		count, told = o.rejected.count, o.rejected.limit
	}
	got, err := script.Run(ctx, client, []string{key}, o.want, o.ahead, flag(o.quiet), o.known, o.set,
		count, told, o.census, keep.Milliseconds()).Int64Slice()
	if err != nil {
		return reply{}, err
	}
	if len(got) < 4 || o.want > 0 && len(got) == 4 {
		return reply{}, fmt.Errorf("tcredis: the script returned %d values for %d bookings", len(got), o.want)
	}
	r = reply{quota: int(got[0]), rate: float64(got[1]) / 1000, census: got[2], fleet: int(got[3])}
	for _, wait := range got[4:] {
		r.waits = append(r.waits, time.Duration(wait)*time.Microsecond)
	}
	return r, nil
}

// flag is a bool as the script reads it.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
