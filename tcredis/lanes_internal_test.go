package tcredis

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
)

func TestManyKeysLeaveAFewThousandLanes(t *testing.T) {
	var s lanes
	made := 0
	fresh := func(key tcretry.PaceKey) *lane {
		made++
		return &lane{key: key}
	}
	held := s.get(tcretry.PaceKey{Action: "held"}, fresh)
	for i := range 100_000 {
		s.get(tcretry.PaceKey{Action: strconv.Itoa(i)}, fresh)
	}
	require.Equal(t, 100_001, made)
	require.LessOrEqual(t, len(s.all()), 2*remembered)
	require.Same(t, held, s.get(tcretry.PaceKey{Action: "held"}, fresh), "a call has it, and another call would get a second")
	runtime.GC()
	s.age()
	require.LessOrEqual(t, len(s.faded), 2*remembered)
	runtime.KeepAlive(held)
}

func TestTheLastKeysAreRemembered(t *testing.T) {
	var s lanes
	first := make(map[string]*lane)
	for i := range remembered {
		action := strconv.Itoa(i)
		first[action] = s.get(tcretry.PaceKey{Action: action}, func(key tcretry.PaceKey) *lane { return &lane{key: key} })
	}
	for action, l := range first {
		require.Same(t, l, s.get(tcretry.PaceKey{Action: action}, nil))
	}
}
