package tcredis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

var (
	errDown = errors.New("down")
	testKey = ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "Run/", Credential: "21"}
)

// requireProbe checks that the next probe is due after this time and not before, and
// starts it.
func requireProbe(t *testing.T, k *link, after time.Duration) {
	t.Helper()
	require.False(t, k.up())
	time.Sleep(after - 1)
	require.False(t, k.mayProbe(), "it is too soon")
	time.Sleep(time.Nanosecond)
	require.True(t, k.mayProbe(), "it is due")
	require.False(t, k.mayProbe(), "one at a time")
}

func TestLink_probesLessAndLessOftenWhileRedisIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k link
		require.False(t, k.mayProbe(), "it is up")
		k.record(nil)
		k.record(errDown)
		for _, ms := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
			requireProbe(t, &k, ms*time.Millisecond)
			k.record(errDown)
		}
		k.record(errDown) // of a request that was sent before: it is no probe
		requireProbe(t, &k, time.Second)
		k.record(nil)
		require.True(t, k.up())
		time.Sleep(10 * time.Second)
		k.record(errDown)
		requireProbe(t, &k, time.Second)
		k.record(nil)
		time.Sleep(10*time.Second + 1)
		k.record(errDown) // it was stable
		requireProbe(t, &k, 100*time.Millisecond)
		k.record(nil)
		k.record(errDown)
		requireProbe(t, &k, 200*time.Millisecond)
	})
}

func TestLink_probesNoClientThatReturnsNothing(t *testing.T) {
	k := new(link)
	k.record(errDown)
	k.nextProbe = time.Time{}
	k.pending.Store(16)
	require.False(t, k.mayProbe())
	k.pending.Store(15)
	require.True(t, k.mayProbe())
}

// scripted is a client with one reply, which comes after a time.
type scripted struct {
	redis.Scripter
	after time.Duration
	reply []any

	mu   sync.Mutex
	args [][]any // of each command; guarded by mu
}

// sent returns the arguments of the commands so far.
func (s *scripted) sent() [][]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.args)
}

func (s *scripted) EvalSha(ctx context.Context, _ string, _ []string, args ...any) *redis.Cmd {
	s.mu.Lock()
	s.args = append(s.args, args)
	s.mu.Unlock()
	time.Sleep(s.after)
	cmd := redis.NewCmd(ctx)
	if s.reply == nil {
		cmd.SetErr(errDown)
		return cmd
	}
	cmd.SetVal(s.reply)
	return cmd
}

// Each request ends once: by its reply or by the time-out, whichever comes first.
func TestLink_endsEachRequestOnce(t *testing.T) {
	for after, ok := range map[time.Duration]bool{9 * time.Millisecond: true, 11 * time.Millisecond: false} {
		synctest.Test(t, func(t *testing.T) {
			k := &link{client: &scripted{after: after, reply: []any{int64(1), int64(2), int64(3), int64(4)}}, timeout: 10 * time.Millisecond}
			var ends []error
			k.send("k", request{}, func(_ reply, err error) { ends = append(ends, err) })
			require.EqualValues(t, 1, k.pending.Load())
			time.Sleep(10*time.Millisecond + 1)
			synctest.Wait()
			require.Len(t, ends, 1)
			require.Equal(t, ok, k.up())
			time.Sleep(time.Second)
			require.Len(t, ends, 1)
			require.Zero(t, k.pending.Load())
			if !ok {
				require.ErrorIs(t, ends[0], context.DeadlineExceeded)
			}
		})
	}
}

// A reply is the limit, a thousandth of the rate, the census, the processes and the waits in
// microseconds; one without a reservation that was wanted is none.
func TestRun_readsAReplyOrReportsThatItIsNone(t *testing.T) {
	for _, row := range []struct {
		want  int
		reply []any
		ok    bool
	}{
		{0, []any{int64(20), int64(500), int64(7), int64(3)}, true},
		{1, []any{int64(20), int64(500), int64(7), int64(3), int64(9)}, true},
		{3, []any{int64(20), int64(500), int64(7), int64(3), int64(9), int64(11)}, true},
		{1, []any{int64(20), int64(500), int64(7), int64(3)}, false},
		{2, []any{int64(20), int64(500), int64(7), int64(3)}, false},
		{0, []any{int64(20), int64(500), int64(7)}, false},
		{0, nil, false},
	} {
		got, err := run(context.Background(), &scripted{reply: row.reply}, "k", request{want: row.want})
		if !row.ok {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		waits := []time.Duration{9 * time.Microsecond, 11 * time.Microsecond}[:len(row.reply)-4]
		require.Equal(t, reply{20, 0.5, 7, 3, append([]time.Duration(nil), waits...)}, got)
	}
}

// Replicas of different versions of this library share a key only if they have one name for
// it, and one window.
func TestWhatIsInRedisIsTheSameForEveryVersion(t *testing.T) {
	r, err := New(&scripted{})
	require.NoError(t, err)
	require.Equal(t, "tcretry:{cvm.tencentcloudapi.com:Run%2F:6f4b6612125fb3a0}", r.name(testKey))
	require.Contains(t, source, "local WINDOW = 1010000\n")
	require.EqualValues(t, 1010000, window.Microseconds())
	require.Equal(t, time.Hour, keyTTL)
}

func TestWithTimeout_givesHalfOfItToAReply(t *testing.T) {
	r, err := New(&scripted{})
	require.NoError(t, err)
	require.Equal(t, 50*time.Millisecond, r.link.timeout)
	r, err = New(&scripted{}, WithTimeout(2))
	require.NoError(t, err)
	require.EqualValues(t, 1, r.link.timeout)
	for _, d := range []time.Duration{1, 0, -1, -time.Second} {
		_, err = New(&scripted{}, WithTimeout(d))
		require.Error(t, err, d)
	}
}
