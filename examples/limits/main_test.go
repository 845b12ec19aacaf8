package main

import (
	"bytes"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestKnownLimitsAreThrottledLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		require.NoError(t, run(&out))
		require.Regexp(t, regexp.MustCompile(`(?s)^nothing known        configured 0/s, now 40/s, [1-9]\d* attempts throttled
loaded               configured 0/s, now 40/s, 0 attempts throttled
in the policy        configured 40/s, now 40/s, 0 attempts throttled
wrong in the policy  configured 90/s, now 40/s, [1-9]\d* attempts throttled
$`), out.String())
	})
}
