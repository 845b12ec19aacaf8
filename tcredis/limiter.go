package tcredis

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/tcretry/tcretry/ratelimit"
)

// Limiter is a [ratelimit.Limiter] that reserves attempts in Redis. Create one with [New]. It
// is safe for use from many goroutines and by many Transports, runs nothing while no call
// waits, and need not be closed.
type Limiter struct {
	prefix     string
	configured func(ratelimit.Key) int
	link       link
	keys       keyMap
	// memory limits the attempts that are not reserved, and those of limits that concern
	// several keys, for this process alone.
	memory ratelimit.Adaptive
}

// ForKey returns the limiter of a key. It is part of [ratelimit.Limiter].
func (r *Limiter) ForKey(key ratelimit.Key) ratelimit.KeyLimiter { return r.keys.get(key, r.newKey) }

func (r *Limiter) newKey(key ratelimit.Key) *keyLimiter {
	// The strings may be parts of the request.
	key = ratelimit.Key{
		Host:       strings.Clone(key.Host),
		Action:     strings.Clone(key.Action),
		Credential: strings.Clone(key.Credential),
	}
	return newKeyLimiter(r, key)
}

// States returns the state of every key and of the limits that concern several keys, in no
// order: it is meant for a debug page or a scrape. Limit and Rate are those of all processes
// together while Redis is up, Waiting and InFlight those of this process.
func (r *Limiter) States() []ratelimit.State {
	var states []ratelimit.State
	for _, l := range r.keys.all() {
		states = append(states, l.State())
	}
	for _, s := range r.memory.States() {
		if s.Action == "" && s.Mode != ratelimit.Open {
			states = append(states, s)
		}
	}
	return states
}

// Err returns the last error of Redis while this process limits its attempts without it; nil
// while Redis is up, or was not needed yet.
func (r *Limiter) Err() error {
	if err := r.link.down.Load(); err != nil {
		return *err
	}
	return nil
}

// name returns the name of a key in Redis. It contains the host and the action, and a digest
// of the credential's id. The part in braces is the hash tag, by which a cluster chooses the
// node.
func (r *Limiter) name(key ratelimit.Key) string {
	sum := sha256.Sum256([]byte(key.Credential))
	return r.prefix + "{" + url.PathEscape(key.Host) + ":" + url.PathEscape(key.Action) + ":" + hex.EncodeToString(sum[:8]) + "}"
}
