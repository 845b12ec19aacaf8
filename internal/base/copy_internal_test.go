package base

import (
	"net/http"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
)

// A program that replaces the default transport repeatedly, as tests do, does
// not keep the copies of all of them.
func TestTheCopyOfATransportThatIsGoneIsForgotten(t *testing.T) {
	kept := &http.Transport{}
	var gone []weak.Pointer[http.Transport]
	for range 10 {
		original := &http.Transport{}
		copyOf(original)
		gone = append(gone, weak.Make(original))
	}
	require.Same(t, copyOf(kept), copyOf(kept))
	left := len(gone)
	for range 1000 {
		runtime.GC() // a cleanup runs some time later
		if left = copiesOf(gone); left == 0 {
			break
		}
	}
	require.Zero(t, left)
	require.Equal(t, 1, copiesOf([]weak.Pointer[http.Transport]{weak.Make(kept)}))
	runtime.KeepAlive(kept)
}

// copiesOf returns how many of the originals have a copy.
func copiesOf(originals []weak.Pointer[http.Transport]) (n int) {
	copies.Lock()
	defer copies.Unlock()
	for _, key := range originals {
		if copies.of[key] != nil {
			n++
		}
	}
	return n
}
