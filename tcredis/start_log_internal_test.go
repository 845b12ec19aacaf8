package tcredis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The log covers four windows, the end included, and its rate is per window.
func TestStartLog_keepsTheLastWindows(t *testing.T) {
	var s startLog
	require.Zero(t, s.rate(noon))
	for i := range 5 {
		s.add(noon.Add(time.Duration(i) * time.Millisecond))
	}
	require.Equal(t, 5.0/4, s.rate(noon.Add(4*window)))
	require.Equal(t, 4.0/4, s.rate(noon.Add(4*window+1)))
	require.Equal(t, 3.0/4, s.rate(noon.Add(4*window+time.Millisecond+1)))
	s.add(noon.Add(4*window + 3*time.Millisecond + 1))
	require.Len(t, s.at, 2, "what is added removes the old ones, too")
	require.Equal(t, noon.Add(4*time.Millisecond), s.at[0])
}

func TestStartLog_isBounded(t *testing.T) {
	var s startLog
	for i := range maxStarts + 3 {
		s.add(noon.Add(time.Duration(i)))
		require.Len(t, s.at, min(i+1, 4096))
	}
	require.Equal(t, noon.Add(3), s.at[0])
}

func TestStartLog_returnsTheLastOnes(t *testing.T) {
	var s startLog
	_, ok := s.back(1)
	require.False(t, ok)
	s.add(noon)
	s.add(noon.Add(1))
	s.add(noon) // late
	for n, want := range map[int]time.Time{1: noon.Add(1), 2: noon.Add(1), 3: noon} {
		got, ok := s.back(n)
		require.True(t, ok)
		require.Equal(t, want, got, n)
	}
	for _, n := range []int{-1, 0, 4} {
		_, ok := s.back(n)
		require.False(t, ok, n)
	}
}
