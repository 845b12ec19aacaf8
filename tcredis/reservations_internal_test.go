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
}

func TestReservations_makeACallLateOnlyAtTheWholeLimit(t *testing.T) {
	var b reservations
	due := noon.Add(30 * time.Second)
	b.add(due, 20)
	require.Equal(t, due, b.earliest(noon, 0, 20))
	b.add(due, 0.05)
	require.Equal(t, noon, b.earliest(noon, 0, 20), "that rate may rise")
}
