package tcretry

import (
	"context"
	"errors"
	"time"
)

// ErrPaceLate is what [Lane.Wait] returns when the turn of an attempt lies
// after [Turn.Latest].
var ErrPaceLate = errors.New("tcretry: the pace lets no attempt start in time")

// PaceKey names what the API counts requests by: the access host (where the
// request lands, not X-TC-Region), the action and the sub-account.
// Source: cloud.tencent.com/document/product/1278/109059.
type PaceKey struct {
	Host   string
	Action string
	// Credential is the id of the credential, "" when the request is signed
	// below us.
	Credential string
}

// A Pacer says when an attempt may start, the first of a call too. Lane returns
// the lane of a key, making it if there is none; it must be cheap, is called
// once a call and from many goroutines at once.
type Pacer interface {
	Lane(PaceKey) Lane
}

// A Lane paces the attempts of one key. All methods are called from many
// goroutines at once.
type Lane interface {
	// Wait returns nil when the attempt may start: then Done is called exactly
	// once. Waiting calls are served in order; a Turn that says Again goes to
	// the head. It returns ErrPaceLate, at once and not after the wait, when
	// the turn would come after turn.Latest, and the context's cause when ctx
	// ends; then Done is not called.
	Wait(ctx context.Context, turn Turn) error
	// Done reports how an attempt that Wait let start has ended.
	Done(PaceResult)
	// Accepted is the number of attempts of this lane that the API has
	// accepted: it grows as long as the key makes progress.
	Accepted() uint64
}

// Turn is one attempt's place in a lane.
type Turn struct {
	// Again says that the last attempt of this call was rejected.
	Again bool
	// Latest is when the attempt must have started at the latest; zero means
	// any time.
	Latest time.Time
}

// PaceResult is how an attempt ended, in the eyes of a Pacer.
type PaceResult struct {
	// Verdict says whether the quota took the attempt.
	Verdict PaceVerdict
	// Code is the throttle code of a rejection; "" for HTTP 429.
	Code string
	// Count and Limit are the two numbers of a rejection's message, the current
	// count and the quota a second; 0 if the message had none.
	Count, Limit int
}

// PaceVerdict is what an attempt tells of the quota.
type PaceVerdict uint8

const (
	// PaceUnknown: no answer that tells, an error of the transport for example.
	PaceUnknown PaceVerdict = iota
	// PaceAccepted: the quota took the attempt, whatever came of it.
	PaceAccepted
	// PaceRejected: the attempt was over the quota.
	PaceRejected
)
