package base

import (
	"net/http"
	"runtime"
	"sync"
	"time"
	"weak"
)

// idleTimeout is how long a connection to the API is kept for the next request.
// The API closes one after about 60 seconds, and a request that meets the end of
// its connection may have been executed or not. The official SDK has the same
// number: Init of its common/client.go, v1.3.166.
const idleTimeout = 30 * time.Second

// copies are the copies that were made, by original. All Transports share one, and
// so its connections.
var copies struct {
	sync.Mutex
	of map[weak.Pointer[http.Transport]]*http.Transport // guarded by the Mutex
}

// copyOf returns the copy of a transport for requests to the API. It differs from
// the original in nothing but the time for which idle connections are kept, and is
// made before the first of these requests, so that whatever the program sets until
// then is kept. net/http sets up HTTP/2 in the original when it is copied, as it
// does when it is used. The protocols of RegisterProtocol cannot be copied.
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

// forget drops the copy of an original that nobody can use any more. Transports
// that have it keep it.
func forget(key weak.Pointer[http.Transport]) {
	copies.Lock()
	defer copies.Unlock()
	delete(copies.of, key)
}
