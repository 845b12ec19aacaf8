package budget

import "time"

const (
	// firstWindow is how many retries may be in flight at the same time after a circuit
	// closed. More retries kept a back end down that had a capacity of 1.3 times the load.
	firstWindow = 12
	// A retry that succeeds widens the window by a tenth, one that fails narrows it by
	// one; when the call of a failed retry succeeds after all, the window gets that back.
	windowGain, windowLoss = 0.1, 1
)

// recovery limits how many retries are in flight at the same time while a host recovers, for
// maxDefer after a circuit closed: the retries deferred in an outage must not overload a
// service that has just recovered, and a slow service gets fewer of them.
type recovery struct {
	window    float64   // how many may be in flight
	inFlight  int       // permitted retries that were not recorded yet
	lastStart time.Time // when one of them was permitted
	began     time.Time // when a circuit last closed
}

// begin starts a recovery when a circuit closes. A window that has shrunk stays as it is if
// the last recovery began within staleAfter.
func (r *recovery) begin(now time.Time) {
	if r.began.IsZero() || !now.Before(r.began.Add(staleAfter)) {
		r.window = firstWindow
	}
	r.began = now
}

// ended counts a retry that ended. It is evidence if the host is recovering.
func (r *recovery) ended(report Report, evidence bool) {
	r.inFlight = max(0, r.inFlight-1)
	switch {
	case !evidence:
	case report.Result == Success:
		r.window += windowGain + windowLoss*float64(max(0, report.Returned-1))
	case report.Result == Failure:
		r.window = max(1, r.window-windowLoss)
	}
}

// start counts a retry that is permitted.
func (r *recovery) start(now time.Time) {
	if !now.Before(r.lastStart.Add(staleAfter)) {
		r.inFlight = 0 // they will not be recorded any more
	}
	r.inFlight++
	r.lastStart = now
}
