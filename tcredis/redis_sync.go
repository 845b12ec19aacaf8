package tcredis

import "time"

// syncRedis sends a probe or a read to Redis if one is due, and starts to reserve once the
// limit is known. It requires that mu is held.
func (l *keyLimiter) syncRedis() {
	switch k := &l.limiter.link; {
	case !k.up():
		if k.mayProbe() {
			l.peek()
		}
	case l.reserving:
	case l.limit > 0:
		l.startReserving()
	case !l.peeked:
		l.peek()
	}
}

// peek reads the limit that others have learned. No call waits for it. It requires that mu is
// held.
func (l *keyLimiter) peek() {
	l.peeked = true
	l.limiter.link.send(l.name, request{configured: l.configured}, func(r reply, err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.peeked = false
			return
		}
		if r.limit > 0 {
			l.limit, l.rate = r.limit, r.rate
		}
		l.syncRedis()
		if l.onFallback {
			l.update(time.Now())
		}
	})
}

// startReserving ends the limiter in memory: the calls that wait there get reservations from
// now on. It requires that mu is held.
func (l *keyLimiter) startReserving() {
	l.reserving = true
	// Attempts without a reservation may have used up this second.
	l.lastUnreserved = time.Now()
	l.fallback.next = l.lastUnreserved.Add(window)
	l.local.end(errReserving)
}
