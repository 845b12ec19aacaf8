package base

import (
	"net/http"
	"runtime"
	"sync"
	"time"
	"weak"
)

// idleTimeout is how long an idle connection to the API is kept for the next request.
// The API closes one after about 60 seconds, and if a request is sent while it does, the
// outcome of the request is unknown. The official SDK has the same number: Init of its
// common/client.go, v1.3.166.
const idleTimeout = 30 * time.Second

// copies are the copies by original. All Transports share the copy of an original, and
// so its connections.
var copies struct {
	sync.Mutex
	of map[weak.Pointer[http.Transport]]*http.Transport // guarded by the Mutex
}

// copyOf returns the copy of original for requests to the API. It differs from original
// only in the time for which idle connections are kept. It is made before the first such
// request, so that it has all settings that the program makes until then. net/http sets
// up HTTP/2 in the original when it is copied, as it does when it is used. The protocols
// of RegisterProtocol are not copied.
func copyOf(original *http.Transport) *http.Transport {
	copies.Lock()
	defer copies.Unlock()
	key := weak.Make(original)
	if c := copies.of[key]; c != nil {
		return c
	}
	c := original.Clone()
	if c.IdleConnTimeout <= 0 || c.IdleConnTimeout > idleTimeout {
		c.IdleConnTimeout = idleTimeout
	}
	if copies.of == nil {
		copies.of = map[weak.Pointer[http.Transport]]*http.Transport{}
	}
	copies.of[key] = c
	runtime.AddCleanup(original, forget, key)
	return c
}

// forget drops the copy of an original that is not reachable any more. Transports that
// use the copy keep it.
func forget(key weak.Pointer[http.Transport]) {
	copies.Lock()
	defer copies.Unlock()
	delete(copies.of, key)
}
