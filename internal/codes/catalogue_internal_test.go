package codes

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkCatalogue(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newCatalogue(catalogueText)
	}
}

func TestEveryEntryIsFoundAndFitsItsFields(t *testing.T) {
	catalogue := builtin()
	require.Len(t, catalogue.entries, strings.Count(catalogueText, "\n")-1)
	for _, e := range catalogue.entries {
		c := e.columns()
		require.Len(t, c.code, int(e.size))
		found, ok := catalogue.find(c.code)
		require.True(t, ok, c.code)
		require.Equal(t, e, found)
		if c.least != "" {
			least, err := time.ParseDuration(c.least)
			require.NoError(t, err)
			require.Equal(t, least, e.verdict().LeastDelay)
		}
	}
	_, ok := catalogue.find("NoSuchCode")
	require.False(t, ok)
}
