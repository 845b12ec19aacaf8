package tcprom

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACacheMakesAValueOnceAndNoneBeyondItsLimit(t *testing.T) {
	c := cache[string, int]{max: 2}
	made := 0
	next := func() int { made++; return made }
	for _, key := range []string{"a", "a", "b"} {
		_, _, room := c.find(key)
		require.True(t, room)
		_, ok := c.add(key, next)
		require.True(t, ok)
	}
	// Another goroutine may have taken the last place since find told of it.
	_, ok := c.add("c", next)
	require.False(t, ok)
	_, known, room := c.find("c")
	require.False(t, known)
	require.False(t, room)
	require.Equal(t, 2, made)
}
