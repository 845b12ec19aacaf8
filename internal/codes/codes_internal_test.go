package codes

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkCodeTable(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		newCodeTable(codesText)
	}
}

func TestEveryRowOfTheTableIsFoundAndFitsItsFields(t *testing.T) {
	table := table()
	require.Len(t, table.rows, strings.Count(codesText, "\n")-1)
	for _, row := range table.rows {
		c := row.columns()
		require.Len(t, c.code, int(row.size))
		found, ok := table.find(c.code)
		require.True(t, ok, c.code)
		require.Equal(t, row, found)
		if c.least != "" {
			least, err := time.ParseDuration(c.least)
			require.NoError(t, err)
			require.Equal(t, least, row.verdict().LeastDelay)
		}
	}
	_, ok := table.find("NoSuchCode")
	require.False(t, ok)
}
