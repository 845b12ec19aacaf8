package tcredis

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

func TestKeyMap_keepsAFewThousandOfManyKeys(t *testing.T) {
	var s keyMap
	made := 0
	fresh := func(key ratelimit.Key) *keyLimiter {
		made++
		return &keyLimiter{key: key}
	}
	held := s.get(ratelimit.Key{Action: "held"}, fresh)
	for i := range 100_000 {
		s.get(ratelimit.Key{Action: strconv.Itoa(i)}, fresh)
	}
	require.Equal(t, 100_001, made)
	require.LessOrEqual(t, len(s.all()), 2*generationSize)
	require.Same(t, held, s.get(ratelimit.Key{Action: "held"}, fresh), "a call has it, and another call would get a second")
	runtime.GC()
	s.age()
	require.LessOrEqual(t, len(s.weakOld), 2*generationSize)
	runtime.KeepAlive(held)
}

func TestKeyMap_keepsTheLastKeys(t *testing.T) {
	var s keyMap
	first := make(map[string]*keyLimiter)
	for i := range generationSize {
		action := strconv.Itoa(i)
		first[action] = s.get(ratelimit.Key{Action: action}, func(key ratelimit.Key) *keyLimiter { return &keyLimiter{key: key} })
	}
	for action, l := range first {
		require.Same(t, l, s.get(ratelimit.Key{Action: action}, nil))
	}
}
