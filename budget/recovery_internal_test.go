package budget

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The window grows by a tenth with each retry that succeeds, and gets back what the failed
// retries of the same call took.
func TestRecovery_widensAndNarrowsItsWindow(t *testing.T) {
	r := recovery{window: 3, inFlight: 9}
	for _, c := range []struct {
		report   Report
		evidence bool
		window   float64
	}{
		{Report{Result: Success, Returned: 1}, true, 3.1},
		{Report{Result: Success, Returned: 0}, true, 3.2},
		{Report{Result: Success, Returned: 3}, true, 5.3},
		{Report{Result: Success, Returned: 3}, false, 5.3},
		{Report{Result: Failure}, false, 5.3},
		{Report{Result: Failure}, true, 4.3},
		{Report{Result: Canceled}, true, 4.3},
		{Report{Result: Failure}, true, 3.3},
		{Report{Result: Failure}, true, 2.3},
		{Report{Result: Failure}, true, 1.3},
		{Report{Result: Failure}, true, 1},
	} {
		r.ended(c.report, c.evidence)
		require.InDelta(t, c.window, r.window, 1e-9, "%+v", c)
	}
	require.Zero(t, r.inFlight)
}
