package tcretry

import (
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// tally is what a call has had of one rule.
type tally struct {
	rule     *resolved
	attempts int
	delays   backoff.BackOff // nil until the first is asked for
}

// tally returns the tally of the last attempt's rule.
func (c *call) tally() *tally {
	i := slices.IndexFunc(c.tallies, func(t tally) bool { return t.rule == c.rule })
	if i < 0 {
		i = len(c.tallies)
		c.tallies = append(c.tallies, tally{rule: c.rule})
	}
	return &c.tallies[i]
}

// counted is how many attempts of the call have counted against the number of
// the last one's rule.
func (c *call) counted() int {
	n := 0
	for i := range c.tallies {
		if c.tallies[i].rule.counter == c.rule.counter {
			n += c.tallies[i].attempts
		}
	}
	return n
}

// maxElapsed is how long after the start of the call another attempt may start,
// by the policy and the rules that the call has met. A shorter time of a rule is
// about its own code; a longer one is about the call, which may have to wait out
// something else on its way.
func (c *call) maxElapsed() time.Duration {
	longest := c.rules.maxElapsed
	if c.rule != nil && c.rule.maxElapsed > 0 && c.rule.maxElapsed < longest {
		return c.rule.maxElapsed
	}
	for i := range c.tallies {
		longest = max(longest, c.tallies[i].rule.maxElapsed)
	}
	return longest
}
