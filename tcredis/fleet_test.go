package tcredis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcredis"
	"github.com/tcretry/tcretry/tctest"
)

// counter is a hook of a client that counts its commands.
type counter struct{ n atomic.Int64 }

func (c *counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if strings.HasPrefix(cmd.Name(), "eval") {
			c.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (c *counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// slowly makes each attempt take 20 to 80 ms, half of it on the way there.
type slowly struct {
	base http.RoundTripper
	mu   sync.Mutex
	rng  *rand.Rand
}

func (s *slowly) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	half := time.Duration(10+30*s.rng.Float64()) * time.Millisecond
	s.mu.Unlock()
	time.Sleep(half)
	defer time.Sleep(half)
	return s.base.RoundTrip(req)
}

// fleet is a number of processes with callers that share a quota.
type fleet struct {
	processes, callers, calls, quota int
	seed                             uint64
	pacer                            func(process int) tcretry.Pacer
	during                           func(done *atomic.Int64)
}

// result is what a fleet did.
type result struct {
	calls, failed, rejected int
	took                    time.Duration
}

func (f fleet) makespan(r result) float64 {
	return r.took.Seconds() / (float64(r.calls-f.quota) / float64(f.quota))
}

// run makes the calls.
func (f fleet) run(t testing.TB) result {
	api := tctest.NewAPI()
	api.Quota("", f.quota, tctest.FixedWindow)
	base := &slowly{base: api, rng: rand.New(rand.NewPCG(f.seed, 1))}
	time.Sleep(time.Duration(base.rng.Int64N(int64(time.Second)))) // the second is in any phase
	start := time.Now()
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for i := range f.processes {
		client := &http.Client{Transport: tcretry.New(base, tcretry.WithPacer(f.pacer(i)),
			tcretry.WithPolicy(tcretry.Policy{MaxElapsed: 10 * time.Minute}))}
		for range f.callers {
			wg.Go(func() {
				for next.Add(1) <= int64(f.calls) {
					if err := call(client); err != nil {
						failed.Add(1)
					}
				}
			})
		}
	}
	if f.during != nil {
		wg.Go(func() { f.during(&next) })
	}
	wg.Wait()
	return result{
		calls: f.calls, failed: int(failed.Load()), took: time.Since(start),
		rejected: len(api.Calls()) - api.Executions("DescribeInstances"),
	}
}

// call makes one call.
func call(client *http.Client) error {
	req, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("X-TC-Action", "DescribeInstances")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return tcretry.CheckResponse(resp)
}

func TestAFleetKeepsItsQuota(t *testing.T) {
	for seed := range uint64(5) {
		for _, quota := range []int{0, 20} {
			t.Run(fmt.Sprintf("seed %d, quota %d", seed, quota), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					m := piped(t)
					var c counter
					var clients []*redis.Client
					f := fleet{processes: 10, callers: 5, calls: 2000, quota: 20, seed: seed + 1}
					f.pacer = func(int) tcretry.Pacer {
						client := dialTo(m, &c)
						clients = append(clients, client)
						p, err := tcredis.New(client, tcredis.WithQuota(func(tcretry.PaceKey) int { return quota }))
						require.NoError(t, err)
						return p
					}
					r := f.run(t)
					t.Logf("%+v makespan %.3f rejected %.2f%% commands %.2f", r, f.makespan(r), 100*float64(r.rejected)/float64(r.calls), float64(c.n.Load())/float64(r.calls))
					for _, c := range clients {
						require.NoError(t, c.Close())
					}
				})
			})
		}
	}
}
