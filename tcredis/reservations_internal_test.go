package tcredis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReservations_makeACallLateOnlyIfTheWholeLimitComesTooLate(t *testing.T) {
	var b reservations
	require.Equal(t, noon, b.earliest(noon, 1000, 0), "nothing is known")
	require.Equal(t, noon, b.earliest(noon, 19, 20))
	require.Equal(t, noon.Add(50*time.Second), b.earliest(noon, 1000, 20))
	require.Equal(t, noon.Add(2*time.Second), b.earliest(noon, 2, 1))
}

func TestReservations_areUsedInOrderAtTheirTime(t *testing.T) {
	var b reservations
	require.False(t, b.take(noon))
	for _, ms := range []time.Duration{30, 10, 20} {
		b.add(noon.Add(ms*time.Millisecond), 20)
	}
	require.False(t, b.take(noon.Add(10*time.Millisecond-1)))
	require.True(t, b.take(noon.Add(10*time.Millisecond)))
	require.False(t, b.take(noon.Add(20*time.Millisecond-1)))
	b.notBefore = noon.Add(25 * time.Millisecond)
	require.False(t, b.take(noon.Add(25*time.Millisecond-1)))
	require.True(t, b.take(noon.Add(25*time.Millisecond)))
	require.Equal(t, []time.Time{noon.Add(30 * time.Millisecond)}, b.due)
	require.True(t, b.take(noon.Add(30*time.Millisecond)))
	require.False(t, b.take(noon.Add(time.Hour)))
}

// A reservation may be used for ten milliseconds.
func TestReservations_expire(t *testing.T) {
	var b reservations
	b.expire(noon)
	for _, ms := range []time.Duration{0, 1, 2, 15} {
		b.add(noon.Add(ms*time.Millisecond), 20)
	}
	b.expire(noon.Add(10 * time.Millisecond))
	require.Len(t, b.due, 4)
	b.expire(noon.Add(10*time.Millisecond + 1))
	require.Len(t, b.due, 3)
	b.expire(noon.Add(13 * time.Millisecond))
	require.Len(t, b.due, 1)
	b.expire(noon.Add(time.Hour))
	require.Empty(t, b.due)
}

func TestReservations_makeACallLateOnlyAtTheWholeLimit(t *testing.T) {
	var b reservations
	due := noon.Add(30 * time.Second)
	b.add(due, 20)
	require.Equal(t, due, b.earliest(noon, 0, 20))
	b.add(due, 0.05)
	require.Equal(t, noon, b.earliest(noon, 0, 20), "that rate may rise")
}
