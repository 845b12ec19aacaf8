package tcredis

import "time"

// heed turns to Redis when it may be asked. It requires that mu is held.
func (l *lane) heed() {
	switch k := &l.pacer.link; {
	case !k.up():
		if k.mayProbe() {
			l.look()
		}
	case l.booked:
	case l.quota > 0:
		l.rise()
	case !l.looked:
		l.look()
	}
}

// look asks what others know, without a wait for anybody. It requires that mu is
// held.
func (l *lane) look() {
	l.looked = true
	l.pacer.link.ask(l.name, order{set: l.set}, func(r reply, err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if err != nil {
			l.looked = false
			return
		}
		if r.quota > 0 {
			l.quota, l.rate = r.quota, r.rate
		}
		l.heed()
		if l.alone {
			l.work(time.Now())
		}
	})
}

// rise begins to book. Those that wait in the local pacer come here. It requires
// that mu is held.
func (l *lane) rise() {
	l.booked = true
	// Something was sent a moment ago, and may have used up this second.
	l.unbooked = time.Now()
	l.clerk.next = l.unbooked.Add(perSecond)
	l.local.end(errChange)
}
