package scene

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tcretry/tcretry/tctest"
)

// Shared is a scene of a rate limit that other programs use too. Everything in it
// follows from the seed that it was drawn with.
type Shared struct {
	Seed  uint64
	Limit int // requests per second
	Kind  tctest.LimitKind
	// Code is the sub-code of a throttling response, "" for none.
	Code string
	// Wording is how a throttling response is worded.
	Wording Wording
	// OneWay is the mean time until an attempt arrives, and that of its response.
	OneWay time.Duration
	// Processes are not coordinated. Each has Workers that make one call after the
	// other; without workers, a call starts at each time of Starts.
	Processes, Workers int
	Calls              int
	Starts             []time.Duration
	Load               string          // describes Starts
	Others             []time.Duration // when requests of other programs arrive
	Neighbor           string          // describes Others
}

// Wording is how a throttling response is worded.
type Wording uint8

// The wordings: the count and the limit in English, in Chinese, or neither.
const (
	English Wording = iota
	Chinese
	NoNumbers
)

// Between the start of others and that of the calls lies a time in which others
// use the limit up.
const lead = 1500 * time.Millisecond

// mostOptimum is the longest optimum of a scene: it is short enough that no call needs to
// fail.
const mostOptimum = 50 * time.Second

// DrawShared draws a scene whose calls all fit within the limit.
func DrawShared(seed uint64) Shared {
	rng := rand.New(rand.NewPCG(seed, 0x5ca1e))
	for {
		s := draw(rng)
		s.Seed = seed
		if s.Optimum() <= mostOptimum {
			return s
		}
	}
}

// logUniform draws a whole number whose logarithm is uniform.
func logUniform(rng *rand.Rand, from, to float64) int {
	return int(math.Round(from * math.Exp(rng.Float64()*math.Log(to/from))))
}

func uniform(rng *rand.Rand, from, to float64) float64 { return from + rng.Float64()*(to-from) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func draw(rng *rand.Rand) Shared {
	s := Shared{
		Limit:     logUniform(rng, 2, 50),
		Kind:      []tctest.LimitKind{tctest.FixedWindow, tctest.FixedWindow, tctest.SlidingWindow, tctest.TokenBucket}[rng.IntN(4)],
		Code:      []string{"", "", "UinLimitExceeded", "IPLimitExceeded", "GlobalRegionUinLimitExceeded"}[rng.IntN(5)],
		Wording:   Wording(rng.IntN(3)),
		OneWay:    seconds(uniform(rng, 0.001, 0.040)),
		Processes: 1,
		Calls:     logUniform(rng, 20, 600),
	}
	if rng.IntN(2) == 0 {
		s.Processes = logUniform(rng, 2, 50)
	}
	s.Calls = max(s.Calls, s.Processes)
	s.drawLoad(rng)
	s.drawOthers(rng)
	return s
}

// drawLoad draws when the calls start.
func (s *Shared) drawLoad(rng *rand.Rand) {
	every := 0.0 // seconds
	switch rng.IntN(4) {
	case 0:
		s.Load = "all at once"
	case 1:
		every = uniform(rng, 0.001, 0.010)
		s.Load = fmt.Sprintf("%.0f ms apart", 1000*every)
	case 2:
		part := uniform(rng, 0.3, 1.5)
		every = 1 / (part * float64(s.Limit))
		s.Load = fmt.Sprintf("%.1f of the limit", part)
	case 3:
		s.Workers = logUniform(rng, 1, 50)
		s.Load = fmt.Sprintf("%d workers each", s.Workers)
		return
	}
	for i := range s.Calls {
		s.Starts = append(s.Starts, seconds((float64(i)+uniform(rng, -0.3, 0.3))*every))
	}
	slices.Sort(s.Starts)
}

// drawOthers draws what other programs send. The scene of ours begins at 0.
func (s *Shared) drawOthers(rng *rand.Rand) {
	limit := float64(s.Limit)
	send := func(from, length, n float64) {
		for i := range int(n) {
			s.Others = append(s.Others, seconds(from+(float64(i)+rng.Float64())*length/n))
		}
	}
	switch rng.IntN(5) {
	case 0:
		s.Neighbor = "nobody"
	case 1:
		times, from := uniform(rng, 1, 20), uniform(rng, -1.2, 4)
		s.Neighbor = fmt.Sprintf("a burst of %.1f times the limit at %.1f s", times, from)
		send(from, 1, times*limit)
	case 2:
		every, times := uniform(rng, 5, 30), uniform(rng, 1, 5)
		s.Neighbor = fmt.Sprintf("a burst of %.1f times the limit every %.0f s", times, every)
		for from := uniform(rng, -1.2, every-1.2); from < 120; from += every {
			send(from, 1, times*limit)
		}
	case 3:
		part := uniform(rng, 0.1, 0.6)
		s.Neighbor = fmt.Sprintf("steadily %.1f of the limit", part)
		send(-lead.Seconds(), 130, 130*part*limit)
	case 4:
		length, from := uniform(rng, 3, 10), uniform(rng, -1.2, 4)
		s.Neighbor = fmt.Sprintf("a storm of 3 times the limit for %.0f s at %.1f s", length, from)
		send(from, length, 3*limit*length)
	}
	slices.Sort(s.Others)
}

// String describes the scene in a line.
func (s Shared) String() string {
	kind := [...]string{"fixed", "sliding", "bucket"}[s.Kind]
	wording := [...]string{"English", "Chinese", "no numbers"}[s.Wording]
	return fmt.Sprintf("seed %d: %d/s %s, %d calls of %d processes, %s; others: %s; %s %s, %v one way",
		s.Seed, s.Limit, kind, s.Calls, s.Processes, s.Load, s.Neighbor, strings.TrimSpace("RequestLimitExceeded."+s.Code), wording, s.OneWay.Round(time.Millisecond))
}

// phase is when the first second of the API begins that the scene of ours meets.
func (s Shared) phase() time.Duration { return time.Duration(s.Seed*137%1000) * time.Millisecond }

// Optimum is the time of an ideal scheduler.
func (s Shared) Optimum() time.Duration { return slices.Max(s.Ideal()) }

// Ideal returns when each call ends with an ideal scheduler, who knows everything: calls are
// served first come first served by what the others leave of each second. If that takes far
// longer than mostOptimum, the rest of the calls is left out.
func (s Shared) Ideal() (ends []time.Duration) {
	second := func(t time.Duration) int { return int((t + s.phase() + lead) / time.Second) }
	left := map[int]int{}
	for _, at := range s.Others {
		left[second(at)]--
	}
	trip := 2 * s.OneWay
	var ready readyTimes
	if s.Workers > 0 {
		for range min(s.Calls, s.Workers*s.Processes) {
			ready = append(ready, 0)
		}
	} else {
		ready = slices.Clone(s.Starts)
	}
	for range s.Calls {
		at := ready.take()
		for s.Limit+left[second(at)] <= 0 {
			at = time.Duration(second(at)+1)*time.Second - s.phase() - lead
			if at > 10*mostOptimum {
				return append(ends, at)
			}
		}
		left[second(at)]--
		ends = append(ends, at+trip)
		if s.Workers > 0 {
			ready.add(at + trip)
		}
	}
	return ends
}

// readyTimes are the times at which calls could start, in order.
type readyTimes []time.Duration

func (r *readyTimes) take() time.Duration {
	first := (*r)[0]
	*r = (*r)[1:]
	return first
}

func (r *readyTimes) add(t time.Duration) {
	at, _ := slices.BinarySearch(*r, t)
	*r = slices.Insert(*r, at, t)
}
