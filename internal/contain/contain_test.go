package contain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/internal/contain"
)

func TestResultIsThatOfTheFunctionOrZeroIfItPanics(t *testing.T) {
	require.Equal(t, 7, contain.Result(func() int { return 7 }))
	require.Zero(t, contain.Result(func() (n int) {
		n = 7
		panic("theirs")
	}))
	require.NoError(t, contain.Result(func() error { panic("theirs") }))
}
