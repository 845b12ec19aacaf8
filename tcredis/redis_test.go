package tcredis_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcredis"
	"github.com/tcretry/tcretry/tctest"
	"github.com/tcretry/tcretry/tctest/conformance"
)

var (
	replicaCalls = flag.Int("replicas.calls", 200, "calls of the replicas over a real Redis")
	replicaLimit = flag.Int("replicas.limit", 100, "limit per second of the replicas over a real Redis")
)

// server is a redis-server of a test's own.
type server struct {
	addr string
	args []string // beside the address
	cmd  *exec.Cmd
}

// needRedis skips a test where no redis-server is installed. To the step redis of
// .ci/run, which sets TCREDIS_NEED_SERVER, that is a failure.
func needRedis(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	const text = "redis-server is not installed, so nothing was tested against a real one: " +
		"apt-get install redis-server, or .ci/run redis"
	if os.Getenv("TCREDIS_NEED_SERVER") != "" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// free returns a free address.
func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// startRedis starts a redis-server on a free port until the test ends.
func startRedis(t testing.TB) *server {
	t.Helper()
	needRedis(t)
	s := &server{addr: free(t), args: []string{"--dir", t.TempDir()}}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

// start starts it, again if it was stopped, without what it knew.
func (s *server) start(t testing.TB) {
	t.Helper()
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	s.cmd = exec.Command("redis-server", append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}, s.args...)...)
	require.NoError(t, s.cmd.Start())
	client := s.client(t)
	eventually(t, "redis-server does not reply", func() bool { return client.Ping(context.Background()).Err() == nil })
}

// eventually waits until a condition is true.
func eventually(t testing.TB, why string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(why)
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// client returns a client with a connection of its own.
func (s *server) client(t testing.TB) *redis.Client { return clientOf(t, s.addr) }

func clientOf(t testing.TB, addr string) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// commands returns how many scripts the server has run.
func (s *server) commands(t testing.TB) int {
	t.Helper()
	info, err := s.client(t).Info(context.Background(), "commandstats").Result()
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(info) {
		if strings.HasPrefix(line, "cmdstat_eval") {
			_, rest, _ := strings.Cut(line, "calls=")
			calls, _, _ := strings.Cut(rest, ",")
			i, err := strconv.Atoi(calls)
			require.NoError(t, err)
			n += i
		}
	}
	return n
}

func TestLimiter_passesTheConformanceSuiteOverARealRedis(t *testing.T) {
	s := startRedis(t)
	var n atomic.Int64
	conformance.TestLimiterLive(t, func() ratelimit.Limiter {
		prefix := tcredis.WithPrefix(fmt.Sprintf("case %d:", n.Add(1)))
		return newLimiter(t, s.client(t), prefix, tcredis.WithTimeout(10*time.Second))
	})
}

func newLimiter(t testing.TB, client redis.Scripter, opts ...tcredis.Option) *tcredis.Limiter {
	p, err := tcredis.New(client, opts...)
	require.NoError(t, err)
	return p
}

// real is ten replicas, each with a connection of its own.
func real(t testing.TB, addr string) replicas {
	return replicas{
		processes: 10, callers: 5, calls: *replicaCalls, limit: *replicaLimit, seed: 1,
		limiter: func(int) ratelimit.Limiter { return newLimiter(t, clientOf(t, addr)) },
	}
}

// docs/rate-limiting.md has the figures of go test -run OverARealRedis -v ./tcredis -replicas.calls 2000 -replicas.limit 20.
func TestReplicas_keepTheLimitOverARealRedis(t *testing.T) {
	s := startRedis(t)
	for _, limit := range []int{0, *replicaLimit} {
		t.Run(fmt.Sprintf("configured %d", limit), func(t *testing.T) {
			f, before := real(t, s.addr), s.commands(t)
			prefix := tcredis.WithPrefix(t.Name())
			f.limiter = func(int) ratelimit.Limiter { return newLimiter(t, s.client(t), set(limit), prefix) }
			r := f.run(t)
			commands := float64(s.commands(t)-before) / float64(r.calls)
			t.Logf("completion time %.3f, throttled %.1f %%, failed %d, commands per call %.2f", f.completionTime(r), 100*r.throttledPart(), r.failed, commands)
			require.Zero(t, r.failed)
			require.Less(t, commands, 1.5)
			if limit > 0 {
				// Throttled attempts would also show how evenly this machine schedules: in virtual time
				// TestReplicas_keepAConfiguredLimit counts them. More than the limit cannot be excused.
				require.LessOrEqual(t, float64(r.attempts), float64(limit)*(r.took.Seconds()+1))
			}
		})
	}
}

func TestNoCallFailsWhenRedisStopsAndStarts(t *testing.T) {
	s := startRedis(t)
	f := real(t, s.addr)
	f.during = func(*tctest.API) {
		time.Sleep(500 * time.Millisecond)
		s.stop()
		time.Sleep(500 * time.Millisecond)
		s.start(t)
	}
	var limiters []*tcredis.Limiter
	f.limiter = func(int) ratelimit.Limiter {
		limiters = append(limiters, newLimiter(t, s.client(t)))
		return limiters[len(limiters)-1]
	}
	r := f.run(t)
	require.Zero(t, r.failed)
	require.Equal(t, r.calls, r.executed)
	before := s.commands(t)
	for _, p := range limiters {
		// The last probe may have been too early.
		eventually(t, "Redis is still away", func() bool { return wait(p.ForKey(key), ratelimit.WaitOptions{}) == nil && p.Err() == nil })
	}
	require.Greater(t, s.commands(t), before, "it did not come back")
}

// stall is a proxy that takes connections and, while on, hands nothing on.
func stall(t testing.TB, addr string) (string, *atomic.Bool) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	on := new(atomic.Bool)
	hand := func(to, from net.Conn) {
		defer to.Close()
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf)
			for on.Load() {
				time.Sleep(time.Millisecond)
			}
			if err != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			ours, err := listener.Accept()
			if err != nil {
				return
			}
			theirs, err := net.Dial("tcp", addr)
			if err != nil {
				_ = ours.Close()
				continue
			}
			go hand(theirs, ours)
			go hand(ours, theirs)
		}
	}()
	t.Cleanup(func() { on.Store(false) })
	return listener.Addr().String(), on
}

func TestNoCallFailsWhileRedisIsSlow(t *testing.T) {
	s := startRedis(t)
	addr, slow := stall(t, s.addr)
	f := real(t, addr)
	f.during = func(*tctest.API) {
		time.Sleep(500 * time.Millisecond)
		slow.Store(true)
		time.Sleep(500 * time.Millisecond)
		slow.Store(false)
	}
	r := f.run(t)
	require.Zero(t, r.failed)
	require.Equal(t, r.calls, r.executed)
}

var key = ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "AKIDexample"}

// wait makes one attempt that the API accepts.
func wait(l ratelimit.KeyLimiter, o ratelimit.WaitOptions) error {
	if err := l.Wait(context.Background(), o); err != nil {
		return err
	}
	l.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
	return nil
}

// jitter draws what half of an attempt takes.
func jitter(rng *rand.Rand) time.Duration {
	return time.Duration(10+30*rng.Float64()) * time.Millisecond
}
