// Package bodytest counts the buffers of package bodies that are in use, for tests. It
// counts from the start of a test binary that imports it.
package bodytest

import (
	"sync/atomic"

	"github.com/tcretry/tcretry/internal/bodies"
)

var inUse atomic.Int64

func init() { bodies.OnBuffer = func(n int64) { inUse.Add(n) } }

// InUse is the number of buffers that have an owner.
func InUse() int64 { return inUse.Load() }
