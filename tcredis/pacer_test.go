package tcredis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcredis"
	"github.com/tcretry/tcretry/tctest"
)

func TestPacerKeepsTheObligationsOfAPacer(t *testing.T) {
	tctest.TestPacer(t, func() tcretry.Pacer {
		client := dialTo(piped(t))
		closeLater(client)
		p, err := tcredis.New(client)
		require.NoError(t, err)
		return p
	})
}
