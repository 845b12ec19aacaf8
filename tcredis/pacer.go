package tcredis

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/tcretry/tcretry/ratelimit"
)

// Limiter is a [ratelimit.Limiter] whose permits are booked in Redis. Make one with
// [New]. It is safe for use from many goroutines and by many Transports, runs
// nothing while no call waits, and need not be closed.
type Limiter struct {
	prefix string
	quota  func(ratelimit.Key) int
	link   link
	lanes  lanes
	// memory paces what is not booked, and what counts more than one key together,
	// for this process alone.
	memory ratelimit.Adaptive
}

// ForKey returns the lane of a key. It is part of [ratelimit.Limiter].
func (p *Limiter) ForKey(key ratelimit.Key) ratelimit.KeyLimiter { return p.lanes.get(key, p.fresh) }

func (p *Limiter) fresh(key ratelimit.Key) *lane {
	// The key of a request may be a part of it.
	key = ratelimit.Key{
		Host:       strings.Clone(key.Host),
		Action:     strings.Clone(key.Action),
		Credential: strings.Clone(key.Credential),
	}
	return newLane(p, key)
}

// States returns what is known of every key, in no order, and of the quotas over
// many keys: for a page that a person reads. Quota and Rate are those of the fleet
// while it keeps the pace over Redis, Waiting and InFlight those of this process.
func (p *Limiter) States() []ratelimit.State {
	var paces []ratelimit.State
	for _, l := range p.lanes.all() {
		paces = append(paces, l.State())
	}
	for _, pace := range p.memory.States() {
		if pace.Action == "" && pace.Mode != ratelimit.Open {
			paces = append(paces, pace)
		}
	}
	return paces
}

// Err returns nil while Redis answers, or was not needed yet, and otherwise why
// the process paces alone: for a page that a person reads.
func (p *Limiter) Err() error {
	if err := p.link.down.Load(); err != nil {
		return *err
	}
	return nil
}

// name returns the name of a key in Redis. It tells a person the host and the
// action, and of the credential's id only whether two are the same. What is in
// braces is what a cluster chooses the node by.
func (p *Limiter) name(key ratelimit.Key) string {
	sum := sha256.Sum256([]byte(key.Credential))
	return p.prefix + "{" + url.PathEscape(key.Host) + ":" + url.PathEscape(key.Action) + ":" + hex.EncodeToString(sum[:8]) + "}"
}
