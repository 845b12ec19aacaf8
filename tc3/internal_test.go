package tc3

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The derived keys are secrets, so nothing exported shows them.
func TestDerivedKeysAgreeWithEveryVector(t *testing.T) {
	data, err := os.ReadFile("testdata/tc3.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			SecretKey string `json:"secret_key"`
			Service   string
			Computed  map[string]string
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		k := deriveKeys(v.SecretKey, v.Computed["date"], v.Service)
		require.Equal(t, v.Computed["secret_date"], hex.EncodeToString(k.date))
		require.Equal(t, v.Computed["secret_service"], hex.EncodeToString(k.service))
		require.Equal(t, v.Computed["secret_signing"], hex.EncodeToString(k.signing))
	}
}

// The timeout of a copy shows nowhere but in how long a connection stays open.
func TestKeepShortLimitsHowLongAConnectionIsIdle(t *testing.T) {
	for idle, want := range map[time.Duration]time.Duration{
		0:            idleTimeout, // which is no limit
		-time.Second: idleTimeout, 1: 1,
		10 * time.Second: 10 * time.Second, idleTimeout: idleTimeout, 90 * time.Second: idleTimeout,
	} {
		original := &http.Transport{IdleConnTimeout: idle}
		short := keepShort(original).(*http.Transport)
		require.Equal(t, want, short.IdleConnTimeout, idle)
		require.Equal(t, idle, original.IdleConnTimeout, "the original is not changed")
		require.Same(t, short, keepShort(original))
	}
}

func FuzzParseProfile(f *testing.F) {
	for _, text := range []string{
		"[default]\nsecret_id=a\nsecret_key=b\n", "[default]\r\nsecret_id = a\r\nsecret_key = b=c\r\ntoken = t\r\n",
		"\ufeff[x]\n", "[", "[]", "=", "[default]\n=\nsecret_key=", "# c\n; c\n", strings.Repeat("x", 70000),
	} {
		f.Add(text, "default")
	}
	f.Fuzz(func(t *testing.T, text, section string) {
		c, err := parseProfile(strings.NewReader(text), section)
		if err != nil {
			require.Zero(t, c)
			return
		}
		require.NotEmpty(t, c.SecretID)
		require.NotEmpty(t, c.SecretKey)
		require.NotContains(t, c.SecretKey, "\n")
	})
}
