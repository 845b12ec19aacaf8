package tcredis_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
	"github.com/tcretry/tcretry/tctest/conformance"
)

func TestLimiter_passesTheConformanceSuite(t *testing.T) {
	conformance.TestLimiter(t, func() ratelimit.Limiter {
		client := dialTo(piped(t))
		closeLater(client)
		return newLimiter(t, client)
	})
}

// Without Redis it is a limiter in memory, which passes too.
func TestLimiter_passesTheConformanceSuiteWithoutRedis(t *testing.T) {
	conformance.TestLimiter(t, func() ratelimit.Limiter {
		m := piped(t)
		m.SetError("down")
		client := dialTo(m)
		closeLater(client)
		return newLimiter(t, client)
	})
}

var throttled = ratelimit.Result{Verdict: ratelimit.Throttled, Code: "RequestLimitExceeded", Count: 21, Limit: 20}

// throttle makes one attempt that the API throttles.
func throttle(t testing.TB, l ratelimit.KeyLimiter, r ratelimit.Result) {
	require.NoError(t, l.Wait(context.Background(), ratelimit.WaitOptions{}))
	l.Done(r)
}

// inBubble runs f with a Redis in memory and a client that counts.
func inBubble(t *testing.T, f func(t *testing.T, client *redis.Client, c *counter)) {
	bubble(t, func(t *testing.T) {
		var c counter
		client := dialTo(piped(t), &c)
		defer client.Close()
		f(t, client, &c)
		time.Sleep(time.Minute) // what is on its way arrives
	})
}

func TestAnUnknownLimitCostsNoTimeAndOneReadPerKey(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, c *counter) {
		l, start := newLimiter(t, client).ForKey(key), time.Now()
		for range 1000 {
			require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		}
		require.Zero(t, time.Since(start))
		time.Sleep(time.Second)
		require.Equal(t, int64(1), c.n.Load())
		require.Empty(t, client.Keys(t.Context(), "*").Val())
	})
}

// empty is a client of an empty Redis.
type empty struct{ redis.Scripter }

func (empty) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal([]any{int64(0), int64(0), int64(0), int64(0)})
	return cmd
}

func TestAnUnknownLimitAllocatesNothing(t *testing.T) {
	l := newLimiter(t, empty{}).ForKey(key)
	require.NoError(t, wait(l, ratelimit.WaitOptions{}))
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = wait(l, ratelimit.WaitOptions{}) }))
}

func TestANewProcessLearnsTheLimitFromTheOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		throttle(t, newLimiter(t, client).ForKey(key), throttled)
		require.NoError(t, wait(newLimiter(t, client).ForKey(key), ratelimit.WaitOptions{}))
	})
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		told := newLimiter(t, client).ForKey(key)
		throttle(t, told, throttled)
		require.NoError(t, wait(told, ratelimit.WaitOptions{}))
		fresh := newLimiter(t, client)
		require.NoError(t, wait(fresh.ForKey(key), ratelimit.WaitOptions{}))
		time.Sleep(time.Second)
		require.Equal(t, 20, fresh.States()[0].Limit)
		require.Equal(t, ratelimit.Own, fresh.States()[0].Mode)
	})
}

// Attempts before the limit was known count: the second is not free for the process.
func TestANewProcessDoesNotSendItsFirstSecondTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		told := newLimiter(t, client).ForKey(key)
		throttle(t, told, throttled)
		require.NoError(t, wait(told, ratelimit.WaitOptions{}))
		time.Sleep(time.Minute)
		fresh, start := newLimiter(t, client).ForKey(key), time.Now()
		for range 15 {
			require.NoError(t, wait(fresh, ratelimit.WaitOptions{}))
		}
		time.Sleep(time.Millisecond)
		for range 20 {
			require.NoError(t, wait(fresh, ratelimit.WaitOptions{}))
		}
		require.GreaterOrEqual(t, time.Since(start), 900*time.Millisecond)
	})
}

func TestAProcessHasAtMostTwoReservationsAhead(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, c *counter) {
		l := newLimiter(t, client, set(1)).ForKey(key)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		ctx, cancel := context.WithCancel(t.Context())
		for range 100 {
			go func() { _ = l.Wait(ctx, ratelimit.WaitOptions{}) }()
		}
		time.Sleep(500 * time.Millisecond)
		require.Equal(t, int64(1+2), c.n.Load())
		cancel()
		time.Sleep(10 * time.Second)
		require.Equal(t, int64(1+2), c.n.Load())
	})
}

func TestLateCallsDoNotReserveMore(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, c *counter) {
		l := newLimiter(t, client, set(1)).ForKey(key)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		start := time.Now()
		for range 100 {
			require.ErrorIs(t, wait(l, ratelimit.WaitOptions{NotAfter: start.Add(time.Second / 2)}), ratelimit.ErrTooLate)
		}
		require.Zero(t, time.Since(start))
		require.Equal(t, int64(2), c.n.Load())
		require.NoError(t, wait(l, ratelimit.WaitOptions{}), "the reservation that came too late for them is used")
		require.Equal(t, int64(2), c.n.Load())
	})
}

func TestAReservationThatIsNotUsedInTimeExpires(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, c *counter) {
		l := newLimiter(t, client, set(1)).ForKey(key)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		require.ErrorIs(t, wait(l, ratelimit.WaitOptions{NotAfter: time.Now()}), ratelimit.ErrTooLate)
		time.Sleep(time.Minute)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		require.Equal(t, int64(3), c.n.Load())
	})
}

// silent is a client that ignores contexts, of a server that does not reply.
type silent struct{ redis.Scripter }

func (silent) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	time.Sleep(time.Minute)
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(net.ErrClosed)
	return cmd
}

func TestASilentRedisDelaysOneCallByTheTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		defer time.Sleep(2 * time.Minute) // all replies have come
		p := newLimiter(t, silent{}, set(20), tcredis.WithTimeout(30*time.Millisecond))
		start := time.Now()
		require.NoError(t, wait(p.ForKey(key), ratelimit.WaitOptions{}))
		// The limiter in memory continues as if it had been throttled a moment ago.
		require.LessOrEqual(t, time.Since(start), 30*time.Millisecond+time.Second)
		require.ErrorIs(t, p.Err(), context.DeadlineExceeded)
		other := ratelimit.Key{Host: "another"}
		start = time.Now()
		require.NoError(t, wait(newLimiter(t, silent{}).ForKey(other), ratelimit.WaitOptions{}))
		require.Zero(t, time.Since(start), "no call waits for a read")
	})
}

func TestADeadRedisIsProbedNowAndThen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := piped(t)
		var c counter
		client := dialTo(m, &c)
		p := newLimiter(t, client, set(1000))
		l := p.ForKey(key)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		m.SetError("down")
		for begun := time.Now(); time.Since(begun) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
			require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		}
		require.Error(t, p.Err())
		require.LessOrEqual(t, c.n.Load(), int64(30+10))
		m.SetError("")
		time.Sleep(2 * time.Second)
		require.NoError(t, wait(l, ratelimit.WaitOptions{}))
		time.Sleep(time.Millisecond)
		require.NoError(t, p.Err())
		require.NoError(t, client.Close())
	})
}

func TestALimitOverManyKeysIsKeptByTheProcess(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p := newLimiter(t, client)
		other := key
		other.Action = "DescribeZones"
		require.NoError(t, wait(p.ForKey(other), ratelimit.WaitOptions{}))
		r := throttled
		r.Code, r.Count, r.Limit = "RequestLimitExceeded.UinLimitExceeded", 2, 1
		throttle(t, p.ForKey(key), r)
		start := time.Now()
		require.NoError(t, wait(p.ForKey(other), ratelimit.WaitOptions{}))
		require.NotZero(t, time.Since(start))
		require.Empty(t, client.Keys(t.Context(), "*").Val())
	})
}

func TestTheNameOfAKeyHidesTheCredentialAndKeepsToOneNodeOfACluster(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		odd := ratelimit.Key{Host: "h", Action: "a}{b", Credential: key.Credential}
		for _, k := range []ratelimit.Key{key, odd} {
			require.NoError(t, wait(newLimiter(t, client, set(20), tcredis.WithPrefix("fleet:")).ForKey(k), ratelimit.WaitOptions{}))
		}
		names := client.Keys(t.Context(), "*").Val()
		require.Len(t, names, 2)
		for _, name := range names {
			require.Regexp(t, `^fleet:\{[^{}]+\}$`, name)
			require.NotContains(t, name, key.Credential)
		}
	})
}

func TestNew_reportsEveryInvalidValue(t *testing.T) {
	_, err := tcredis.New(nil, nil, tcredis.WithTimeout(0), tcredis.WithPrefix(""), tcredis.WithLimits(nil))
	for _, want := range []string{"the client is nil", "an option is nil", "WithTimeout(0s)", "WithPrefix()", "WithLimits"} {
		require.ErrorContains(t, err, want)
	}
	var mistake *tcretry.OptionError
	require.ErrorAs(t, err, &mistake)
}

// An attempt of a key whose limit is not known: the cost of every call below the limit. The
// Transport gets the limiter of the key once per call.
func BenchmarkUnknownLimit(b *testing.B) {
	p := newLimiter(b, empty{})
	b.ReportAllocs()
	for b.Loop() {
		_ = wait(p.ForKey(key), ratelimit.WaitOptions{})
	}
}

// The same without Redis.
func BenchmarkUnknownLimitInMemory(b *testing.B) {
	p := new(ratelimit.Adaptive)
	b.ReportAllocs()
	for b.Loop() {
		_ = wait(p.ForKey(key), ratelimit.WaitOptions{})
	}
}

// A reservation, with a Redis that takes no time.
func BenchmarkReserved(b *testing.B) {
	p := newLimiter(b, generous{})
	b.ReportAllocs()
	for b.Loop() {
		_ = wait(p.ForKey(key), ratelimit.WaitOptions{})
	}
}

// generous is a client of a Redis with a large limit.
type generous struct{ redis.Scripter }

func (generous) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal([]any{int64(1000), int64(1000_000), int64(1), int64(1), int64(0)})
	return cmd
}

func TestStates_containAKeyWithoutAnActionOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, client *redis.Client, _ *counter) {
		p, k := newLimiter(t, client), key
		k.Action = ""
		unnumbered := throttled
		unnumbered.Count, unnumbered.Limit = 0, 0
		for range 2 {
			throttle(t, p.ForKey(k), unnumbered)
		}
		states := p.States()
		require.Len(t, states, 1)
		require.Equal(t, k.Host, states[0].Host)
		require.Empty(t, states[0].Action)
		require.Equal(t, ratelimit.Shared, states[0].Mode)
	})
}
