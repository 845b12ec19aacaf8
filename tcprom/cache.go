package tcprom

import "sync"

// cache remembers what was made for each key: a key that is known costs one read
// lock, one look-up and no allocation. The zero value is empty. It is safe for
// use from many goroutines.
type cache[K comparable, V any] struct {
	mu     sync.RWMutex
	values map[K]V // guarded by mu
}

// find returns the value of key, and how many keys are known.
func (c *cache[K, V]) find(key K) (value V, known bool, size int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	value, known = c.values[key]
	return value, known, len(c.values)
}

// add returns the value of key, made if there is none. It is false, and nothing
// is made, if there is none and max keys are known; 0 is no limit.
func (c *cache[K, V]) add(key K, max int, made func() V) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, ok = c.values[key]; ok {
		return value, true
	}
	if max > 0 && len(c.values) >= max {
		return value, false
	}
	if c.values == nil {
		c.values = make(map[K]V)
	}
	value = made()
	c.values[key] = value
	return value, true
}
