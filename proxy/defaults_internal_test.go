package proxy

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// These are the numbers in the comments of Config.
func TestTheZeroConfigHasTheDefaultsOfItsComments(t *testing.T) {
	got, err := Config{}.withDefaults()
	require.NoError(t, err)
	require.Equal(t, Config{
		Listen:         "127.0.0.1:8128",
		MaxHeaderBytes: 65_536, MaxBodyBytes: 10_485_760, MaxBufferedBytes: 268_435_456, MaxCalls: 1000,
		ClientTimeout: 30 * time.Second, IdleTimeout: 90 * time.Second, DrainTimeout: 25 * time.Second,
	}, got)
	chosen := Config{
		Listen: "127.0.0.1:1", MaxHeaderBytes: 1, MaxBodyBytes: 2, MaxBufferedBytes: 3, MaxCalls: 4,
		ClientTimeout: 5, IdleTimeout: 6, DrainTimeout: 7,
		AdminPages: map[string]http.Handler{"/metrics": nil, "/": nil},
	}
	got, err = chosen.withDefaults()
	require.NoError(t, err)
	require.Equal(t, chosen, got)
}

func TestAPageOfTheAdminAddressHasAPathOfItsOwn(t *testing.T) {
	for _, path := range []string{"", "metrics", "/healthz", "/state"} {
		_, err := Config{AdminPages: map[string]http.Handler{path: nil}}.withDefaults()
		require.ErrorContains(t, err, "AdminPages("+path+")")
	}
}
