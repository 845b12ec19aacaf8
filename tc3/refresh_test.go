package tc3_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

// refreshFunc is a Refresher that gives temp, and on Refresh what it returns.
type refreshFunc func() tc3.Credentials

func (refreshFunc) Credentials(context.Context) (tc3.Credentials, error) { return temp, nil }

func (f refreshFunc) Refresh(context.Context, tc3.Credentials) (tc3.Credentials, error) {
	return f(), nil
}

// sts is a slow source of numbered credentials.
type sts struct {
	takes, life time.Duration
	err         error
	calls       atomic.Int64
}

func (s *sts) Credentials(ctx context.Context) (tc3.Credentials, error) {
	n := s.calls.Add(1)
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return tc3.Credentials{}, ctx.Err()
	}
	c := tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: fmt.Sprintf("token-%d", n)}
	if s.life != 0 {
		c.Expires = time.Now().Add(s.life)
	}
	return c, s.err
}

func token(t *testing.T, s tc3.Source) string {
	t.Helper()
	c, err := s.Credentials(context.Background())
	require.NoError(t, err)
	return c.Token
}

func TestAHundredCallersShareOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{takes: time.Second, life: time.Hour}
		r := &tc3.Refreshing{Source: source}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				c, err := r.Credentials(context.Background())
				require.NoError(t, err)
				require.Equal(t, "token-1", c.Token)
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, source.calls.Load())
	})
}

func TestOneCallersCancellationDoesNotEndTheRefreshOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{takes: 2 * time.Second, life: time.Hour}
		r := &tc3.Refreshing{Source: source}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() { // the first caller starts the refresh
			_, err := r.Credentials(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		wg.Go(func() { require.Equal(t, "token-1", token(t, r)) })
		wg.Wait()
		require.EqualValues(t, 1, source.calls.Load())
	})
}

func TestARefreshHangsNoLongerThanItsTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 1: 1, time.Second: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := (&tc3.Refreshing{Source: &sts{takes: time.Hour}, Timeout: timeout}).Credentials(context.Background())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, want, time.Since(start))
		})
	}
}

func TestCredentialsAreReplacedInTheBackgroundBeforeTheyExpire(t *testing.T) {
	rows := []struct{ life, early, due time.Duration }{
		{time.Hour, 0, 55 * time.Minute},
		{time.Hour, 20 * time.Minute, 40 * time.Minute},
		{6 * time.Minute, 0, 3 * time.Minute}, // half of a short life
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			source := &sts{takes: time.Second, life: row.life}
			r := &tc3.Refreshing{Source: source, RefreshBefore: row.early}
			require.Equal(t, "token-1", token(t, r))
			time.Sleep(row.due - time.Millisecond)
			require.Equal(t, "token-1", token(t, r))
			synctest.Wait()
			require.EqualValues(t, 1, source.calls.Load())

			time.Sleep(time.Millisecond)
			before := time.Now()
			require.Equal(t, "token-1", token(t, r), "nobody waits while the old ones last")
			require.Equal(t, before, time.Now())
			time.Sleep(time.Second)
			synctest.Wait()
			require.Equal(t, "token-2", token(t, r))
			require.EqualValues(t, 2, source.calls.Load())
		})
	}
}

func TestExpiredCredentialsAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &tc3.Refreshing{Source: &sts{takes: time.Second, life: time.Hour}}
		require.Equal(t, "token-1", token(t, r))
		time.Sleep(time.Hour)
		require.Equal(t, "token-2", token(t, r))
	})
}

func TestCredentialsWithoutExpiryAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{}
		r := &tc3.Refreshing{Source: source}
		require.Equal(t, "token-1", token(t, r))
		time.Sleep(1000 * time.Hour)
		require.Equal(t, "token-1", token(t, r))
		require.EqualValues(t, 1, source.calls.Load())
	})
}

func TestABackgroundRefreshThatFailsFailsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{life: time.Hour}
		r := &tc3.Refreshing{Source: source}
		require.Equal(t, "token-1", token(t, r))
		source.err = errBroken
		time.Sleep(56 * time.Minute)
		for range 100 { // tried again after a second, not by every call
			require.Equal(t, "token-1", token(t, r))
			synctest.Wait()
		}
		require.EqualValues(t, 2, source.calls.Load())
		time.Sleep(time.Second)
		require.Equal(t, "token-1", token(t, r))
		synctest.Wait()
		require.EqualValues(t, 3, source.calls.Load())

		time.Sleep(4 * time.Minute)
		for range 2 { // no valid ones left: every call refreshes, and gets the error
			_, err := r.Credentials(context.Background())
			require.ErrorIs(t, err, errBroken)
		}
		source.err = nil
		require.Equal(t, "token-6", token(t, r))
	})
}

// The clock may be wrong; the API will tell.
func TestExpiredCredentialsOfTheSourceAreUsedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{life: -time.Hour}
		r := &tc3.Refreshing{Source: source}
		for range 10 {
			require.Equal(t, "token-1", token(t, r))
		}
		time.Sleep(time.Second)
		require.Equal(t, "token-2", token(t, r))
	})
}

func TestASourceThatPanicsOrExitsIsAnError(t *testing.T) {
	secret := "the-secret"
	rows := map[string]func(){"panicked with a string": func() { panic(secret) }, "returned no credentials": runtime.Goexit}
	for want, leave := range rows {
		r := &tc3.Refreshing{Source: tc3.SourceFunc(func(context.Context) (tc3.Credentials, error) {
			leave()
			return temp, nil
		})}
		_, err := r.Credentials(context.Background())
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), secret)
	}
}

func TestARefreshThatFailsLeavesCredentialsWithoutExpiryInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{}
		r := &tc3.Refreshing{Source: source}
		old, err := r.Credentials(context.Background())
		require.NoError(t, err)
		source.err = errBroken
		_, err = r.Refresh(context.Background(), old)
		require.ErrorIs(t, err, errBroken)
		time.Sleep(time.Minute)
		require.Equal(t, "token-1", token(t, r))
		synctest.Wait()
	})
}
