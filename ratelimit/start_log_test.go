package ratelimit

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStartLog_countsTheLastSecond(t *testing.T) {
	var s startLog
	rng := rand.New(rand.NewPCG(3, 4))
	var all []time.Duration
	at := time.Duration(0)
	for range 5000 {
		at += time.Duration(rng.IntN(20)) * time.Millisecond
		if rng.IntN(10) == 0 && len(all) > 0 {
			s.undo()
			all = all[:len(all)-1]
		}
		s.add(at)
		all = append(all, at)
		after := at - time.Duration(rng.IntN(1000))*time.Millisecond
		want := 0
		for i := len(all) - 1; i >= 0 && all[i] > after; i-- {
			want++
		}
		require.Equal(t, want, s.after(after))
		require.Equal(t, all[len(all)-1], s.back(1))
	}
	require.LessOrEqual(t, len(s.ring), 256, "the log of a slow key stays small")
}
