package tctest_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// countDials counts the connections that are made.
func countDials(dial dialFunc, n *int) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		*n++
		return dial(ctx, network, addr)
	}
}
