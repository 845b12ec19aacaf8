package tcredis

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// keyTTL is when a key that is not used expires in Redis: later than the pause between two
// parts of a nightly job, which then need not be throttled to learn the limit again.
const keyTTL = time.Hour

//go:embed reserve.lua
var source string

var script = redis.NewScript(source)

// request is one run of the script.
type request struct {
	want              int  // the most reservations; 0 to read only
	ahead             int  // how many of them may have to wait, at least 1
	quiet             bool // no attempt without a reservation started in the last second
	limit, configured int
	throttled         *throttling // nil if there is none to report
	census            int64       // the last one that counted this process
}

// throttling is the count and the limit of a throttling response, 0 and 0 if it had no numbers.
type throttling struct{ count, limit int }

// reply is the result of the script.
type reply struct {
	limit     int
	rate      float64 // attempts per second
	census    int64
	processes int             // that reserve
	waits     []time.Duration // of the reservations, in order
}

// run runs the script. It is called in a goroutine of this package, where a panic of the
// client would end the process; so a panic is a failure of Redis like any other.
func run(ctx context.Context, client redis.Scripter, key string, o request) (r reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("tcredis: the client panicked: %v", p)
		}
	}()
	count, limit := -1, 0
	if o.throttled != nil {
		count, limit = o.throttled.count, o.throttled.limit
	}
	got, err := script.Run(ctx, client, []string{key}, o.want, o.ahead, flag(o.quiet), o.limit, o.configured,
		count, limit, o.census, keyTTL.Milliseconds()).Int64Slice()
	if err != nil {
		return reply{}, err
	}
	if len(got) < 4 || o.want > 0 && len(got) == 4 {
		return reply{}, fmt.Errorf("tcredis: the script returned %d values for %d reservations", len(got), o.want)
	}
	r = reply{limit: int(got[0]), rate: float64(got[1]) / 1000, census: got[2], processes: int(got[3])}
	for _, wait := range got[4:] {
		r.waits = append(r.waits, time.Duration(wait)*time.Microsecond)
	}
	return r, nil
}

// flag returns b as the script reads it.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
