package tcredis

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/tcretry/tcretry"
)

// Pacer is a [tcretry.Pacer] whose permits are booked in Redis. Make one with
// [New]. It is safe for use from many goroutines and by many Transports, runs
// nothing while no call waits, and need not be closed.
type Pacer struct {
	prefix string
	quota  func(tcretry.PaceKey) int
	link   link
	lanes  lanes
	// memory paces what is not booked, and what counts more than one key together,
	// for this process alone.
	memory tcretry.AdaptivePacer
}

// Lane returns the lane of a key. It is part of [tcretry.Pacer].
func (p *Pacer) Lane(key tcretry.PaceKey) tcretry.Lane { return p.lanes.get(key, p.fresh) }

func (p *Pacer) fresh(key tcretry.PaceKey) *lane {
	// The key of a request may be a part of it.
	key = tcretry.PaceKey{
		Host:       strings.Clone(key.Host),
		Action:     strings.Clone(key.Action),
		Credential: strings.Clone(key.Credential),
	}
	return newLane(p, key)
}

// Paces returns what is known of every key, in no order, and of the quotas over
// many keys: for a page that a person reads. Quota and Rate are those of the fleet
// while it keeps the pace over Redis, Waiting and InFlight those of this process.
func (p *Pacer) Paces() []tcretry.Pace {
	var paces []tcretry.Pace
	for _, l := range p.lanes.all() {
		paces = append(paces, l.Pace())
	}
	for _, pace := range p.memory.Paces() {
		if pace.Action == "" && pace.Mode != tcretry.PaceOpen {
			paces = append(paces, pace)
		}
	}
	return paces
}

// Err returns nil while Redis answers, or was not needed yet, and otherwise why
// the process paces alone: for a page that a person reads.
func (p *Pacer) Err() error {
	if err := p.link.down.Load(); err != nil {
		return *err
	}
	return nil
}

// name returns the name of a key in Redis. It tells a person the host and the
// action, and of the credential's id only whether two are the same. What is in
// braces is what a cluster chooses the node by.
func (p *Pacer) name(key tcretry.PaceKey) string {
	sum := sha256.Sum256([]byte(key.Credential))
	return p.prefix + "{" + url.PathEscape(key.Host) + ":" + url.PathEscape(key.Action) + ":" + hex.EncodeToString(sum[:8]) + "}"
}
