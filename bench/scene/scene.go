// Package scene plays callers against a fake API in virtual time: with a rate limit that
// they share, and through outages. The program and the tests in bench/ use it to measure
// retry strategies.
package scene

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tctest"
)

// A Call makes one call, with all attempts that it takes, and returns nil if it
// succeeded in the end. It is called from many goroutines concurrently.
type Call func() error

// A Strategy makes the calls of a process.
type Strategy struct {
	Name string
	// New returns the call of one process, which sends its attempts through base.
	// limit is the share of the process in the rate limit of the API, in attempts per
	// second: for strategies that need it configured.
	New func(base http.RoundTripper, limit float64) Call
}

// Through is the strategy of a RoundTripper that needs no configuration.
func Through(name string, wrap func(base http.RoundTripper) http.RoundTripper) Strategy {
	return Strategy{name, func(base http.RoundTripper, _ float64) Call {
		rt := wrap(base)
		return func() error { return Send(rt) }
	}}
}

// Tcretry is the strategy of a tcretry.Transport with these options.
func Tcretry(name string, opts ...func() tcretry.Option) Strategy {
	return Through(name, func(base http.RoundTripper) http.RoundTripper {
		made := make([]tcretry.Option, len(opts))
		for i, opt := range opts {
			made[i] = opt()
		}
		return tcretry.New(base, made...)
	})
}

// The action that every scene calls, which is read-only.
const (
	service = "cvm"
	action  = "DescribeInstances"
)

// Send sends one request through rt, and returns an error unless it succeeds.
func Send(rt http.RoundTripper) error { return sendRequest(rt, request()) }

func sendRequest(rt http.RoundTripper, req *http.Request) error {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("scene: status %d", resp.StatusCode)
	}
	return tcretry.CheckResponse(resp)
}

func request() *http.Request {
	req, err := http.NewRequest(http.MethodPost, "https://"+service+".tencentcloudapi.com/", strings.NewReader("{}"))
	if err != nil {
		panic(err) // the URL is a constant
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-TC-Action", action)
	req.Header.Set("X-TC-Version", "2017-03-12")
	return req
}

// stage is the API and the network of a scene.
type stage struct {
	api   *tctest.API
	start time.Time
	far   bool // half of the latency is before the arrival

	mu       sync.Mutex
	rng      *rand.Rand    // guarded by mu
	attempts time.Duration // of all attempts together; guarded by mu
}

func newStage(seed uint64) *stage {
	return &stage{api: tctest.NewAPI(), start: time.Now(), rng: rand.New(rand.NewPCG(seed, 1))}
}

// RoundTrip takes 20 to 80 ms, of which 1 to 5 ms, or half, until the request arrives.
func (s *stage) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.attempts += time.Since(start)
	}()
	s.mu.Lock()
	latency := s.draw(20*time.Millisecond, 80*time.Millisecond)
	there := s.draw(time.Millisecond, 5*time.Millisecond)
	s.mu.Unlock()
	if s.far {
		there = latency / 2
	}
	if err := sleep(req.Context(), there); err != nil {
		return nil, err
	}
	resp, err := s.api.RoundTrip(req)
	if late := sleep(req.Context(), latency-there); late != nil && err == nil {
		_ = resp.Body.Close()
		return nil, late
	}
	return resp, err
}

// draw returns a random time. It requires that mu is held.
func (s *stage) draw(from, to time.Duration) time.Duration {
	return from + time.Duration(s.rng.Int64N(int64(to-from)))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// An Attempt is one attempt as the API recorded it.
type Attempt struct {
	// At is when it arrived, from the start of the scene.
	At time.Duration
	// Failed is set if it was throttled, or failed.
	Failed bool
	// Other is set if it is not one of the strategy's.
	Other bool
}

// arrivals returns the attempts in the order of their arrival.
func (s *stage) arrivals() []Attempt {
	calls := s.api.Recorded()
	attempts := make([]Attempt, len(calls))
	for i, c := range calls {
		attempts[i] = Attempt{
			At: c.Time.Sub(s.start), Failed: !c.Executed, Other: c.Header.Get("User-Agent") == other,
		}
	}
	return attempts
}

// other is the User-Agent of the other programs that share the rate limit.
const other = "other"
