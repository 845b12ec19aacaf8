package tcprom

import "sync"

// cache remembers what was made for each key: a key that is known costs one read
// lock, one look-up and no allocation. The zero value is empty and has no limit.
// It is safe for use from many goroutines.
type cache[K comparable, V any] struct {
	max    int // keys, 0 for any number
	mu     sync.RWMutex
	values map[K]V // guarded by mu
}

// find returns the value of key, or whether there is room for it.
func (c *cache[K, V]) find(key K) (value V, known, room bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	value, known = c.values[key]
	return value, known, c.room()
}

// room requires that mu is held.
func (c *cache[K, V]) room() bool { return c.max == 0 || len(c.values) < c.max }

// add returns the value of key, made if there is none. It is false, and nothing
// is made, if there is none and no room either.
func (c *cache[K, V]) add(key K, made func() V) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if value, ok = c.values[key]; ok {
		return value, true
	}
	if !c.room() {
		return value, false
	}
	if c.values == nil {
		c.values = make(map[K]V)
	}
	value = made()
	c.values[key] = value
	return value, true
}
