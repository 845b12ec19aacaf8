package base

import (
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program that replaces the default transport repeatedly, as tests do, does
// not keep the copies of all of them.
func TestTheCopyOfATransportThatIsGoneIsForgotten(t *testing.T) {
	kept := &http.Transport{}
	for range 10 {
		copyOf(&http.Transport{})
	}
	require.Same(t, copyOf(kept), copyOf(kept))
	left := 0
	for range 1000 {
		runtime.GC() // a cleanup runs some time later
		copies.Lock()
		left = len(copies.of)
		copies.Unlock()
		if left == 1 {
			break
		}
	}
	require.Equal(t, 1, left)
	runtime.KeepAlive(kept)
}
