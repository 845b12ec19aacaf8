package tcredis_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcredis"
	"github.com/tcretry/tcretry/tctest"
)

// One of the processes, when the tests start one.
func TestMain(m *testing.M) {
	flag.Parse()
	if api := os.Getenv("TCREDIS_PROCESS_API"); api != "" {
		if err := process(api, os.Getenv("TCREDIS_PROCESS_REDIS"), os.Getenv("TCREDIS_PROCESS_CALLS")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// process makes calls, five at a time.
func process(api, addr, calls string) error {
	n, err := strconv.Atoi(calls)
	if err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	p, err := tcredis.New(client)
	if err != nil {
		return err
	}
	c := &http.Client{Transport: tcretry.New(nil, tcretry.WithRateLimiter(p))}
	errs := make(chan error, 5)
	for range cap(errs) {
		go func() {
			for range n / cap(errs) {
				if err := callAt(c, api); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// processes starts n processes of some calls each at an API, and returns what waits
// for their end: no call of theirs may have failed.
func processes(t *testing.T, n, calls int, api, redis string) (wait func()) {
	t.Helper()
	var all []*exec.Cmd
	for range n {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TCREDIS_PROCESS_API="+api, "TCREDIS_PROCESS_REDIS="+redis,
			fmt.Sprint("TCREDIS_PROCESS_CALLS=", calls))
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		all = append(all, cmd)
	}
	return func() {
		t.Helper()
		for _, cmd := range all {
			require.NoError(t, cmd.Wait())
		}
	}
}

// forty is an API that takes 40 calls a second, on a socket.
func forty(t *testing.T) (*tctest.API, string) {
	api := tctest.NewAPI()
	api.RateLimit("", 40, tctest.FixedWindow)
	return api, api.Start(t).URL
}

// requireShared checks that the processes have one key, with the limit of 40.
func requireShared(t *testing.T, s *server) map[string]string {
	t.Helper()
	keys, err := s.client(t).Keys(context.Background(), "*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1, "they do not share a key")
	values, err := s.client(t).HGetAll(context.Background(), keys[0]).Result()
	require.NoError(t, err)
	require.Equal(t, "40", values["limit"])
	return values
}

func TestTwoProcessesShareALimit(t *testing.T) {
	s := startRedis(t)
	api, url := forty(t)
	// Twice as many as two seconds of the API take: one of them must throttle.
	processes(t, 2, 80, url, s.addr)()
	require.Equal(t, 160, api.Executions("DescribeInstances"))
	requireShared(t, s)
}

func TestTwoProcessesContinueWhileRedisIsStoppedAndShareTheLimitAgain(t *testing.T) {
	s := startRedis(t)
	api, url := forty(t)
	wait := processes(t, 2, 160, url, s.addr)
	reach := func(n int) {
		eventually(t, "the processes stand still", func() bool { return api.Executions("DescribeInstances") >= n })
	}
	reach(80)
	s.stop()
	reach(200)
	s.start(t) // without what it knew
	wait()
	require.Equal(t, 320, api.Executions("DescribeInstances"))
	values := requireShared(t, s)
	require.Equal(t, "2", max(values["callers"], values["callers_before"]), "both reserve again")
	throttled := api.Attempts("DescribeInstances") - 320
	t.Logf("throttled %.1f %%", float64(throttled)/3.2)
	require.Less(t, throttled, 320/4, "they did not share the limit")
}
