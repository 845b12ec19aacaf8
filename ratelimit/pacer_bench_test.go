package ratelimit_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

func TestAdaptivePacerAllocatesNothingForAnAttemptThatNeedNotWait(t *testing.T) {
	p := new(ratelimit.Adaptive)
	key := ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"}
	ctx := t.Context()
	turn := ratelimit.WaitOptions{NotAfter: time.Now().Add(time.Hour)}
	attempt := func() {
		lane := p.ForKey(key)
		if err := lane.Wait(ctx, turn); err != nil {
			t.Error(err)
		}
		lane.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
	}
	for range 100_000 {
		attempt() // the memory of the last second has its size
	}
	require.Zero(t, testing.AllocsPerRun(1000, attempt))
}

func BenchmarkAdaptivePacer(b *testing.B) {
	ctx := context.Background()
	turn := ratelimit.WaitOptions{NotAfter: time.Now().Add(time.Hour)}
	attempt := func(lane ratelimit.KeyLimiter) {
		if lane.Wait(ctx, turn) == nil {
			lane.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
		}
	}
	b.Run("wait and done", func(b *testing.B) {
		lane := new(ratelimit.Adaptive).ForKey(ratelimit.Key{})
		b.ReportAllocs()
		for b.Loop() {
			attempt(lane)
		}
	})
	b.Run("lane", func(b *testing.B) {
		p := new(ratelimit.Adaptive)
		b.ReportAllocs()
		for b.Loop() {
			p.ForKey(ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"})
		}
	})
	b.Run("lanes of their own in parallel", func(b *testing.B) {
		p := new(ratelimit.Adaptive)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			key := ratelimit.Key{Action: strconv.Itoa(int(time.Now().UnixNano()))}
			for pb.Next() {
				attempt(p.ForKey(key))
			}
		})
	})
}
