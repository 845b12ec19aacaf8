package tctest_test

import (
	"testing"
	"testing/synctest"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }
