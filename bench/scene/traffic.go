package scene

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// Traffic is a scene of calls to several actions of one host, each at a rate of its own
// and independently of the calls before, to an API that fails.
type Traffic struct {
	Name  string
	Flows []Flow
	// From and To are when every attempt fails: never if they are equal.
	From, To time.Duration
	// Capacity is that of an Outage: the back end stops between From and To.
	Capacity int
}

// Flow is the calls to one action, and how their attempts fail.
type Flow struct {
	// Calls is the number of calls, Every the time between the starts of two.
	Calls int
	Every time.Duration
	// Random draws the time between two starts: Every is its mean then.
	Random bool
	// First is how many attempts of each call fail before one can succeed, for the
	// calls that start at Since or later. Mixed draws it per call, from 0 to First.
	First int
	Since time.Duration
	Mixed bool
	// Part is the fraction of attempts that fail at random: 1 is an action that always
	// fails.
	Part float64
}

// TrafficResult is the result of a Traffic.
type TrafficResult struct {
	Traffic
	// Flows are the calls of each flow in the order of their start.
	Flows [][]CallResult
	// Attempts are in the order of their arrival.
	Attempts []Attempt
}

// maxAttempts is that of the default policy.
const maxAttempts = 4

// Lost is the fraction of calls that failed after fewer attempts than plain backoff would
// have made, of the calls of flows that started at from or later. All flows count if
// none is given.
func (f TrafficResult) Lost(from time.Duration, flows ...int) float64 {
	calls, lost := 0, 0
	for i, ended := range f.Flows {
		if len(flows) > 0 && !slices.Contains(flows, i) {
			continue
		}
		for _, c := range ended {
			if c.Start < from {
				continue
			}
			calls++
			if c.Failed && c.Attempts < maxAttempts {
				lost++
			}
		}
	}
	return float64(lost) / float64(calls)
}

// AttemptsPerCall is the number of attempts that arrived between From and To, per call
// that started then.
func (f TrafficResult) AttemptsPerCall() float64 {
	calls := 0
	for _, ended := range f.Flows {
		n, _ := count(ended, f.From, f.To)
		calls += n
	}
	return float64(arrived(f.Attempts, f.From, f.To)) / float64(calls)
}

// Recovery is the time from To until the last second, of the next fifty, in which more
// than 1 % of the attempts failed has ended.
func (f TrafficResult) Recovery() time.Duration {
	return recovery(f.Attempts, f.To, f.To+50*time.Second)
}

// Play plays the scene, in a synctest bubble of its own, through the RoundTripper that
// wrap returns.
func (f Traffic) Play(t *testing.T, seed uint64, wrap func(http.RoundTripper) http.RoundTripper) TrafficResult {
	t.Helper()
	out := TrafficResult{Traffic: f, Flows: make([][]CallResult, len(f.Flows))}
	synctest.Test(t, func(*testing.T) {
		st := newStage(seed)
		server := &failing{
			Traffic: f, start: st.start, rng: rand.New(rand.NewPCG(seed, 3)),
			end: backEnd{rate: f.Capacity, from: f.From, to: f.To},
		}
		st.api.Default(tctest.Func(server.respond))
		for i, flow := range f.Flows {
			out.Flows[i] = make([]CallResult, flow.Calls)
			server.calls = append(server.calls, make([]attempted, flow.Calls))
		}
		rt := wrap(st)
		var flows sync.WaitGroup
		for i, flow := range f.Flows {
			rng := rand.New(rand.NewPCG(seed, 4+uint64(i)))
			flows.Go(func() { flow.run(st, rng, rt, i, server.calls[i], out.Flows[i]) })
		}
		flows.Wait()
		out.Attempts = st.arrivals()
	})
	return out
}

// attempted is one call as the API sees it.
type attempted struct{ first, attempts int }

// run starts the calls of a flow and waits until all have ended.
func (f Flow) run(st *stage, rng *rand.Rand, rt http.RoundTripper, flow int, made []attempted, ended []CallResult) {
	var calls sync.WaitGroup
	defer calls.Wait()
	for i := range made {
		if start := time.Since(st.start); start >= f.Since {
			made[i].first = f.First
			if f.Mixed {
				made[i].first = rng.IntN(f.First + 1)
			}
		}
		calls.Go(func() {
			start := time.Since(st.start)
			req := request()
			req.Header["X-Tc-Action"] = []string{fmt.Sprint(action, flow)}
			req.Header[callHeader] = []string{strconv.Itoa(flow), strconv.Itoa(i)}
			err := sendRequest(rt, req)
			ended[i] = CallResult{start, time.Since(st.start), err != nil, made[i].attempts}
		})
		every := f.Every
		if f.Random {
			every = time.Duration(rng.ExpFloat64() * float64(every))
		}
		time.Sleep(every)
	}
}

// callHeader holds the numbers of the flow and of the call.
const callHeader = "X-Scene-Call"

// failing is the API of a Traffic.
type failing struct {
	Traffic
	start time.Time

	mu    sync.Mutex
	rng   *rand.Rand    // guarded by mu
	calls [][]attempted // of each flow; the attempts are guarded by mu
	end   backEnd       // guarded by mu
}

// respond returns the response to an attempt.
func (f *failing) respond(c tctest.Attempt) tctest.Reply {
	numbers := c.Header[callHeader]
	flow, _ := strconv.Atoi(numbers[0])
	number, _ := strconv.Atoi(numbers[1])
	f.mu.Lock()
	defer f.mu.Unlock()
	call := &f.calls[flow][number]
	call.attempts++
	at := c.Time.Sub(f.start)
	if f.Capacity > 0 {
		return f.end.serve(at)
	}
	if at >= f.From && at < f.To || call.attempts <= call.first || f.rng.Float64() < f.Flows[flow].Part {
		return []tctest.Reply{tctest.DropBeforeExecution(), tctest.Fail("InternalError", ""), tctest.GatewayError(503)}[f.rng.IntN(3)]
	}
	return tctest.OK(nil)
}
