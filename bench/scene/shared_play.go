package scene

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// SharedResult is the result of a [Shared].
type SharedResult struct {
	Shared
	// Failed is the number of calls that failed in the end, Attempts that of all
	// attempts of the strategy, Throttled that of the throttled ones.
	Failed, Attempts, Throttled int
	// Completion is the time until the last call has ended, Best the optimum.
	Completion, Best time.Duration
	// Errs are the errors of the calls that failed.
	Errs []error
	// Arrivals are all attempts that arrived, including those of other programs.
	Arrivals []Attempt
}

// Slowness is the completion time divided by the optimum, a second added to each, so that
// waiting for the next second counts as no loss.
func (o SharedResult) Slowness() float64 {
	return (o.Completion + time.Second).Seconds() / (o.Best + time.Second).Seconds()
}

// Play plays the scene, in a synctest bubble of its own.
func (s Shared) Play(t *testing.T, strategy Strategy) (out SharedResult) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { out = s.play(strategy) })
	return out
}

func (s Shared) play(strategy Strategy) SharedResult {
	time.Sleep(s.phase())
	p := &sharedRun{Shared: s, api: tctest.NewAPI(), rng: rand.New(rand.NewPCG(s.Seed, 2)), left: s.Calls}
	p.api.RateLimit("", s.Limit, s.Kind, s.throttle()...)
	p.begin = time.Now().Add(lead)
	over, stop := context.WithCancel(context.Background())
	var around, calls sync.WaitGroup
	around.Go(func() { p.others(over) })
	time.Sleep(lead)
	for i := range s.Processes {
		call := strategy.New(p, float64(s.Limit)/float64(s.Processes))
		for range s.Workers {
			calls.Go(func() { p.worker(call) })
		}
		for n := i; s.Workers == 0 && n < s.Calls; n += s.Processes {
			calls.Go(func() {
				time.Sleep(time.Until(p.begin.Add(s.Starts[n])))
				p.ended(call())
			})
		}
	}
	calls.Wait()
	p.out.Completion = time.Since(p.begin)
	stop()
	around.Wait()
	return p.outcome()
}

// throttle returns the options of a throttling response.
func (s Shared) throttle() (opts []tctest.ThrottleOption) {
	if s.Code != "" {
		opts = append(opts, tctest.SubCode(s.Code))
	}
	switch s.Wording {
	case Chinese:
		opts = append(opts, tctest.Chinese())
	case NoNumbers:
		opts = append(opts, tctest.WithoutCounts())
	}
	return opts
}

// sharedRun is a Shared while it is played. It is also the network to the API.
type sharedRun struct {
	Shared
	api   *tctest.API
	begin time.Time

	mu   sync.Mutex
	rng  *rand.Rand // guarded by mu, as all below
	left int
	out  SharedResult
}

// RoundTrip takes the time of both ways.
func (p *sharedRun) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	there, back := p.way(), p.way()
	p.mu.Unlock()
	if err := sleep(req.Context(), there); err != nil {
		return nil, err
	}
	resp, err := p.api.RoundTrip(req)
	if late := sleep(req.Context(), back); late != nil && err == nil {
		_ = resp.Body.Close()
		return nil, late
	}
	return resp, err
}

// way is the time of one way: 0.8 to 1.2 of the mean. It requires that mu is held.
func (p *sharedRun) way() time.Duration {
	return time.Duration(float64(p.OneWay) * uniform(p.rng, 0.8, 1.2))
}

// worker makes calls while there are any left.
func (p *sharedRun) worker(call Call) {
	for p.take() {
		p.ended(call())
	}
}

func (p *sharedRun) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left--
	return p.left >= 0
}

func (p *sharedRun) ended(err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Failed++
	p.out.Errs = append(p.out.Errs, err)
}

// others sends the requests of the other programs.
func (p *sharedRun) others(ctx context.Context) {
	for _, at := range p.Others {
		if sleep(ctx, time.Until(p.begin.Add(at))) != nil {
			return
		}
		req := request()
		req.Header.Set("User-Agent", other)
		if resp, err := p.api.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	}
}

func (p *sharedRun) outcome() SharedResult {
	out := p.out
	out.Shared, out.Best = p.Shared, p.Optimum()
	for _, c := range p.api.Recorded() {
		a := Attempt{At: c.Time.Sub(p.begin), Failed: !c.Executed, Other: c.Header.Get("User-Agent") == other}
		out.Arrivals = append(out.Arrivals, a)
		if a.Other {
			continue
		}
		out.Attempts++
		if a.Failed {
			out.Throttled++
		}
	}
	return out
}
