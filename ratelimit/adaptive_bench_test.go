package ratelimit_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

func TestAdaptive_allocatesNothingForAnAttemptThatNeedNotWait(t *testing.T) {
	a := new(ratelimit.Adaptive)
	key := ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"}
	ctx := t.Context()
	o := ratelimit.WaitOptions{NotAfter: time.Now().Add(time.Hour)}
	attempt := func() {
		l := a.ForKey(key)
		if err := l.Wait(ctx, o); err != nil {
			t.Error(err)
		}
		l.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
	}
	for range 100_000 {
		attempt() // the memory of the last second has its size
	}
	require.Zero(t, testing.AllocsPerRun(1000, attempt))
}

func BenchmarkAdaptive(b *testing.B) {
	ctx := context.Background()
	o := ratelimit.WaitOptions{NotAfter: time.Now().Add(time.Hour)}
	attempt := func(l ratelimit.KeyLimiter) {
		if l.Wait(ctx, o) == nil {
			l.Done(ratelimit.Result{Verdict: ratelimit.Accepted})
		}
	}
	b.Run("wait and done", func(b *testing.B) {
		l := new(ratelimit.Adaptive).ForKey(ratelimit.Key{})
		b.ReportAllocs()
		for b.Loop() {
			attempt(l)
		}
	})
	b.Run("one key", func(b *testing.B) {
		a := new(ratelimit.Adaptive)
		b.ReportAllocs()
		for b.Loop() {
			a.ForKey(ratelimit.Key{Host: "cvm.tencentcloudapi.com", Action: "DescribeInstances", Credential: "id"})
		}
	})
	b.Run("keys of their own in parallel", func(b *testing.B) {
		a := new(ratelimit.Adaptive)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			key := ratelimit.Key{Action: strconv.Itoa(int(time.Now().UnixNano()))}
			for pb.Next() {
				attempt(a.ForKey(key))
			}
		})
	})
}
