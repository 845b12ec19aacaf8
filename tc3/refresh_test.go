package tc3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
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
	asked       atomic.Int64
}

func (s *sts) Credentials(ctx context.Context) (tc3.Credentials, error) {
	n := s.asked.Add(1)
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
		require.EqualValues(t, 1, source.asked.Load())
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
		require.EqualValues(t, 1, source.asked.Load())
	})
}

func TestARefreshHangsNoLongerThanItsTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Second: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := (&tc3.Refreshing{Source: &sts{takes: time.Hour}, Timeout: timeout}).Credentials(context.Background())
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, want, time.Since(start))
		})
	}
}

func TestCredentialsAreReplacedBesideTheCallsBeforeTheyExpire(t *testing.T) {
	rows := []struct{ life, early, due time.Duration }{
		{time.Hour, 0, 55 * time.Minute},
		{time.Hour, 20 * time.Minute, 40 * time.Minute},
		{6 * time.Minute, 0, 3 * time.Minute}, // half of a short life
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			source := &sts{takes: time.Second, life: row.life}
			r := &tc3.Refreshing{Source: source, Early: row.early}
			require.Equal(t, "token-1", token(t, r))
			time.Sleep(row.due - time.Millisecond)
			require.Equal(t, "token-1", token(t, r))
			synctest.Wait()
			require.EqualValues(t, 1, source.asked.Load())

			time.Sleep(time.Millisecond)
			before := time.Now()
			require.Equal(t, "token-1", token(t, r), "nobody waits while the old ones last")
			require.Equal(t, before, time.Now())
			time.Sleep(time.Second)
			synctest.Wait()
			require.Equal(t, "token-2", token(t, r))
			require.EqualValues(t, 2, source.asked.Load())
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
		require.EqualValues(t, 1, source.asked.Load())
	})
}

func TestARefreshThatFailsBesideTheCallsIsNotTheirFailure(t *testing.T) {
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
		require.EqualValues(t, 2, source.asked.Load())
		time.Sleep(time.Second)
		require.Equal(t, "token-1", token(t, r))
		synctest.Wait()
		require.EqualValues(t, 3, source.asked.Load())

		time.Sleep(4 * time.Minute)
		for range 2 { // none left to use: every call asks, and is told
			_, err := r.Credentials(context.Background())
			require.ErrorIs(t, err, errBroken)
		}
		source.err = nil
		require.Equal(t, "token-6", token(t, r))
	})
}

// The clock may be wrong; the API will tell.
func TestCredentialsThatAreOldAlreadyAreUsedForAMoment(t *testing.T) {
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

func TestASourceThatPanicsOrLeavesIsAnError(t *testing.T) {
	secret := "the-secret"
	rows := map[string]func(){"panicked with a string": func() { panic(secret) }, "gave no answer": runtime.Goexit}
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

func TestARefusedTokenIsRefreshedOnceAndTheCallSignedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{takes: time.Second}
		base := &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}}
		rt := &tc3.Transport{Source: &tc3.Refreshing{Source: source}, Base: base}
		for range 3 {
			require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))))
		}
		require.EqualValues(t, 2, source.asked.Load())
		require.EqualValues(t, 4, base.attempts.Load())
	})
}

func TestAHundredRefusedCallsShareOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{takes: time.Second}
		r := &tc3.Refreshing{Source: source}
		require.Equal(t, "token-1", token(t, r))
		rt := &tc3.Transport{Source: r, Base: &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}}}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}")))) })
		}
		wg.Wait()
		require.EqualValues(t, 2, source.asked.Load())
	})
}

// A source that gives nothing better: one more attempt a call, one refresh a
// second, and the answer as it came.
func TestATokenThatIsRefusedAgainIsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{}
		base := &api{accepts: tc3.Credentials{Token: "never"}}
		rt := &tc3.Transport{Source: &tc3.Refreshing{Source: source}, Base: base}
		require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, newRequest(t, strings.NewReader("{}"))))
		require.EqualValues(t, 2, base.attempts.Load())
		for range 10 {
			require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, newRequest(t, strings.NewReader("{}"))))
		}
		require.EqualValues(t, 2, source.asked.Load())
		require.EqualValues(t, 12, base.attempts.Load())
	})
}

// However many tokens a source has: a call is signed again once.
func TestACallIsSignedAgainOnceForItsToken(t *testing.T) {
	base := &api{accepts: tc3.Credentials{Token: "never"}}
	require.Equal(t, "AuthFailure.TokenFailure", do(t, &tc3.Transport{Source: &sts{}, Base: base}, newRequest(t, strings.NewReader("{}"))))
	require.EqualValues(t, 2, base.attempts.Load())
}

func TestARefusalOfCredentialsThatWereReplacedAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{}
		r := &tc3.Refreshing{Source: source}
		old, err := r.Credentials(context.Background())
		require.NoError(t, err)
		for range 3 { // the second and third refusals come late
			c, err := r.Refresh(context.Background(), old)
			require.NoError(t, err)
			require.Equal(t, "token-2", c.Token)
			time.Sleep(time.Minute)
		}
		require.EqualValues(t, 2, source.asked.Load())
	})
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

func TestARefreshThatFailsOrGivesTheSameLeavesTheAnswer(t *testing.T) {
	for name, source := range map[string]tc3.Source{
		"same": tc3.Static(temp),
		"fails": &tc3.Refreshing{Source: tc3.SourceFunc(func() func(context.Context) (tc3.Credentials, error) {
			first := true
			return func(context.Context) (tc3.Credentials, error) {
				if first {
					first = false
					return temp, nil
				}
				return tc3.Credentials{}, errBroken
			}
		}())},
		"empty": refreshFunc(func() tc3.Credentials { return tc3.Credentials{} }),
	} {
		t.Run(name, func(t *testing.T) {
			base := &api{accepts: keyA}
			require.Equal(t, "AuthFailure.TokenFailure", do(t, &tc3.Transport{Source: source, Base: base}, newRequest(t, strings.NewReader("{}"))))
			require.EqualValues(t, 1, base.attempts.Load())
		})
	}
}

// A source that keeps nothing is asked again: a file may have been replaced.
func TestARefusedTokenOfAPlainSourceIsReadAgain(t *testing.T) {
	n := 0
	source := tc3.SourceFunc(func(context.Context) (tc3.Credentials, error) {
		n++
		return tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: fmt.Sprintf("token-%d", n)}, nil
	})
	base := &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}}
	require.Empty(t, do(t, &tc3.Transport{Source: tc3.Chain{source}, Base: base}, newRequest(t, strings.NewReader("{}"))))
}

// UNSIGNED-PAYLOAD without GetBody: nothing is left to send again.
func TestACallThatCannotBeRepeatedReturnsItsAnswer(t *testing.T) {
	req := newRequest(t, io.MultiReader(strings.NewReader("{}")))
	req.Header.Set("X-TC-Content-SHA256", tc3.UnsignedPayload)
	source := &sts{}
	base := &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}}
	rt := &tc3.Transport{Source: &tc3.Refreshing{Source: source}, Base: base}
	require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, req))
	require.EqualValues(t, 1, base.attempts.Load())
	require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))), "what was learnt stays")
}

func TestAnAnswerIsNotLostWhenTheBodyCannotBeHadAgain(t *testing.T) {
	req := newRequest(t, nil)
	bodies := 0
	req.Body = io.NopCloser(strings.NewReader("{}"))
	req.GetBody = func() (io.ReadCloser, error) {
		if bodies++; bodies > 1 {
			return nil, errBroken
		}
		return io.NopCloser(strings.NewReader("{}")), nil
	}
	rt := &tc3.Transport{Source: &tc3.Refreshing{Source: &sts{}}, Base: &api{accepts: tc3.Credentials{Token: "token-2"}}}
	require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, req))
	require.Equal(t, 2, bodies)
}

func TestAnEndedContextIsNotFollowedByAnotherAttempt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	attempts := 0
	rt := &tc3.Transport{Source: &tc3.Refreshing{Source: &sts{}}, Base: baseFunc(func(*http.Request) (*http.Response, error) {
		attempts++
		return answer("AuthFailure.TokenFailure", ""), nil
	})}
	source := rt.Source
	rt.Source = tc3.SourceFunc(func(ctx context.Context) (tc3.Credentials, error) {
		c, err := source.Credentials(context.WithoutCancel(ctx))
		c.Token += fmt.Sprint(attempts)
		if attempts > 0 {
			cancel()
		}
		return c, err
	})
	require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, newRequest(t, nil).WithContext(ctx)))
	require.Equal(t, 1, attempts)
	require.True(t, errors.Is(ctx.Err(), context.Canceled))
}
