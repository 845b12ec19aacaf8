// Package bodytest counts the buffers of package bodies, for the tests of those who use
// them. One that imports it counts from its start.
package bodytest

import (
	"sync/atomic"

	"github.com/tcretry/tcretry/internal/bodies"
)

var inUse atomic.Int64

func init() { bodies.OnBuffer = func(n int64) { inUse.Add(n) } }

// InUse is the number of buffers that have an owner.
func InUse() int64 { return inUse.Load() }
