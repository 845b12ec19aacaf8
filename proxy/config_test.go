package proxy_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/proxy"
)

func TestNewReportsEveryMistakeAtOnce(t *testing.T) {
	_, err := proxy.New(proxy.Config{
		Listen: "0.0.0.0:8128", Admin: "8129",
		AllowHosts:     []string{"good.example.com", "https://bad.example.com", "*"},
		Options:        []tcretry.Option{tcretry.WithMaxPeekBytes(0)},
		MaxHeaderBytes: -1, MaxBodyBytes: -2, MaxBufferedBytes: -3, MaxCalls: -4,
		ClientTimeout: -time.Second, IdleTimeout: -2, DrainTimeout: -3,
		AdminPages: map[string]http.Handler{"/state": nil},
	})
	var fields []string
	for _, one := range flat(err) {
		var wrong *proxy.ConfigError
		if errors.As(one, &wrong) {
			fields = append(fields, wrong.Field)
			require.ErrorContains(t, wrong, "want ")
			require.ErrorContains(t, wrong, "tcretry: proxy: "+wrong.Field+"(")
		}
	}
	require.Equal(t, []string{
		"MaxHeaderBytes", "MaxBodyBytes", "MaxBufferedBytes", "MaxCalls", "ClientTimeout", "IdleTimeout", "DrainTimeout",
		"AdminPages", "AllowHosts", "AllowHosts", "Listen", "Admin",
	}, fields)
	require.ErrorContains(t, err, "WithMaxPeekBytes")
}

// flat are the errors that an error joins, however deep.
func flat(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, flat(one)...)
	}
	return all
}

func TestItListensOnLoopbackOrASocketUnlessThatIsWaived(t *testing.T) {
	for address, good := range map[string]bool{
		"127.0.0.1:0": true, "127.1.2.3:80": true, "[::1]:0": true, "localhost:0": true, "[::ffff:127.0.0.1]:0": true, "unix:/run/x.sock": true,
		"": true,

		"0.0.0.0:0": false, ":8128": false, "[::]:0": false, "10.0.0.1:80": false, "example.com:80": false, "localhost.evil.com:0": false,
	} {
		_, err := proxy.New(proxy.Config{Listen: address})
		require.Equal(t, good, err == nil, address)
		_, err = proxy.New(proxy.Config{Admin: address})
		require.Equal(t, good, err == nil, address)
		_, err = proxy.New(proxy.Config{Listen: address, Admin: address, DangerouslyListenBeyondLoopback: true})
		require.NoError(t, err, address)
	}
	for _, address := range []string{"8128", "127.0.0.1", "unix:", "http://127.0.0.1:80"} {
		_, err := proxy.New(proxy.Config{Listen: address, DangerouslyListenBeyondLoopback: true})
		require.ErrorContains(t, err, `want a loopback address such as "127.0.0.1:8128", or "unix:/path"`, address)
	}
}

func TestAllowHostsTakesHostsAndNothingElse(t *testing.T) {
	for text, good := range map[string]bool{
		"a.b": true, "a.b:8443": true, "a.b:1": true, "a.b:65535": true, "*.a.b": true, "*.a.b:8443": true, "10.0.0.1": true, "[::1]:80": true, "host": true, "A.b": true,

		"": false, "*": false, "*.": false, "*.10.0.0.1": false, "a.*.b": false, "http://a.b": false, "a.b/": false, "a b": false, "a.b:": false,
		"a.b:0": false, "a.b:65536": false, "a.b:08": false, "a..b": false, ":80": false, "::1": false,
	} {
		_, err := proxy.New(proxy.Config{AllowHosts: []string{text}})
		require.Equal(t, good, err == nil, text)
	}
}
