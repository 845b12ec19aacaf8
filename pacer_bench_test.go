package tcretry_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

func TestAdaptivePacerAllocatesNothingForAnAttemptThatNeedNotWait(t *testing.T) {
	p := new(tcretry.AdaptivePacer)
	key := tcretry.PaceKey{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"}
	ctx := t.Context()
	turn := tcretry.Turn{Latest: time.Now().Add(time.Hour)}
	attempt := func() {
		lane := p.Lane(key)
		if err := lane.Wait(ctx, turn); err != nil {
			t.Error(err)
		}
		lane.Done(tcretry.PaceResult{Verdict: tcretry.PaceAccepted})
	}
	for range 100_000 {
		attempt() // the memory of the last second has its size
	}
	require.Zero(t, testing.AllocsPerRun(1000, attempt))
}

func BenchmarkAdaptivePacer(b *testing.B) {
	ctx := context.Background()
	turn := tcretry.Turn{Latest: time.Now().Add(time.Hour)}
	attempt := func(lane tcretry.Lane) {
		if lane.Wait(ctx, turn) == nil {
			lane.Done(tcretry.PaceResult{Verdict: tcretry.PaceAccepted})
		}
	}
	b.Run("wait and done", func(b *testing.B) {
		lane := new(tcretry.AdaptivePacer).Lane(tcretry.PaceKey{})
		b.ReportAllocs()
		for b.Loop() {
			attempt(lane)
		}
	})
	b.Run("lane", func(b *testing.B) {
		p := new(tcretry.AdaptivePacer)
		b.ReportAllocs()
		for b.Loop() {
			p.Lane(tcretry.PaceKey{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"})
		}
	})
	b.Run("lanes of their own in parallel", func(b *testing.B) {
		p := new(tcretry.AdaptivePacer)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			key := tcretry.PaceKey{Action: strconv.Itoa(int(time.Now().UnixNano()))}
			for pb.Next() {
				attempt(p.Lane(key))
			}
		})
	})
}

// BenchmarkBelowTheQuota measures what pacer and budget cost a call that needs
// neither, over a base in memory.
func BenchmarkBelowTheQuota(b *testing.B) {
	body := success(4 << 10)
	base := memoryBase(body, int64(len(body)))
	for name, opts := range map[string][]tcretry.Option{
		"without": {tcretry.WithoutPacer(), tcretry.WithoutBudget()},
		"with":    nil,
	} {
		b.Run(name, func(b *testing.B) {
			rt := tcretry.New(base, opts...)
			req := sdkRequest(b, "DescribeInstances", nil)
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, rt, req)
			}
		})
	}
}
