package tcsdk_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"

	"github.com/tcretry/tcretry/tc3"
	"github.com/tcretry/tcretry/tcsdk"
)

// numbered are credentials that could renew themselves, but do not.
type numbered struct {
	common.CredentialIface // nil: only all three parts are read
	id                     string
}

func (n numbered) GetCredential() (id, key, token string) { return n.id, "k", "t" }

// Several calls may report the same rejected keys, the last one when they were replaced.
func TestKeysThatWereReplacedBeforeAreNotReplacedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		source := tcsdk.Source(providerFunc(func() (common.CredentialIface, error) {
			return numbered{id: fmt.Sprint("id-", calls.Add(1))}, nil
		}))
		first, err := source.Credentials(t.Context())
		require.NoError(t, err)
		for range 2 {
			creds, err := source.(tc3.Refresher).Refresh(t.Context(), first)
			require.NoError(t, err)
			require.Equal(t, "id-2", creds.SecretID)
		}
		for range 3 { // they are read each minute
			creds, err := source.Credentials(t.Context())
			require.NoError(t, err)
			require.Equal(t, "id-2", creds.SecretID)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		require.EqualValues(t, 2, calls.Load())
	})
}

// renewing are credentials that renew themselves, which hangs after the first time.
type renewing struct {
	common.CredentialIface // nil: only all three parts are read
	reads                  atomic.Int32
}

func (r *renewing) GetCredential() (id, key, token string) {
	if r.reads.Add(1) > 1 {
		time.Sleep(time.Hour)
	}
	return "i", "k", "t"
}

func TestCredentialsThatCannotBeReadAreUsedForTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tcsdk.CredentialSource(new(renewing))
		start := time.Now()
		_, err := source.Credentials(t.Context())
		require.NoError(t, err)
		for time.Since(start) < 2*time.Minute {
			_, err := source.Credentials(t.Context())
			require.NoError(t, err, "after %v", time.Since(start))
			time.Sleep(time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = source.Credentials(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Hour)
	})
}
