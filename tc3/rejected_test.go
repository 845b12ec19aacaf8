package tc3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

func TestARejectedTokenIsRefreshedOnceAndTheCallSignedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{takes: time.Second}
		base := &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}}
		rt := &tc3.Transport{Source: &tc3.Refreshing{Source: source}, Base: base}
		for range 3 {
			require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))))
		}
		require.EqualValues(t, 2, source.calls.Load())
		require.EqualValues(t, 4, base.attempts.Load())
	})
}

func TestAHundredRejectedCallsShareOneRefresh(t *testing.T) {
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
		require.EqualValues(t, 2, source.calls.Load())
	})
}

// A source that gives nothing better: one more attempt a call, one refresh a
// second, and the response unchanged.
func TestASecondRejectionOfTheTokenIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{}
		base := &api{accepts: tc3.Credentials{Token: "never"}}
		rt := &tc3.Transport{Source: &tc3.Refreshing{Source: source}, Base: base}
		require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, newRequest(t, strings.NewReader("{}"))))
		require.EqualValues(t, 2, base.attempts.Load())
		for range 10 {
			require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, newRequest(t, strings.NewReader("{}"))))
		}
		require.EqualValues(t, 2, source.calls.Load())
		require.EqualValues(t, 12, base.attempts.Load())
	})
}

// However many tokens a source has: a call is signed again once.
func TestACallIsSignedAgainOnceForItsToken(t *testing.T) {
	base := &api{accepts: tc3.Credentials{Token: "never"}}
	require.Equal(t, "AuthFailure.TokenFailure", do(t, &tc3.Transport{Source: &sts{}, Base: base}, newRequest(t, strings.NewReader("{}"))))
	require.EqualValues(t, 2, base.attempts.Load())
}

func TestARejectionOfReplacedCredentialsCallsNoSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &sts{}
		r := &tc3.Refreshing{Source: source}
		old, err := r.Credentials(context.Background())
		require.NoError(t, err)
		for range 3 { // the second and third rejections come late
			c, err := r.Refresh(context.Background(), old)
			require.NoError(t, err)
			require.Equal(t, "token-2", c.Token)
			time.Sleep(time.Minute)
		}
		require.EqualValues(t, 2, source.calls.Load())
	})
}

// Credentials are others if they lead to another signature, whatever else they have.
func TestARejectionConcernsCredentialsWithTheSameSecrets(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*tc3.Credentials)
		calls  int64
	}{
		"the same":      {func(*tc3.Credentials) {}, 2},
		"other Expires": {func(c *tc3.Credentials) { c.Expires = c.Expires.Add(time.Hour) }, 2},
		"other ID":      {func(c *tc3.Credentials) { c.SecretID = "AKIDOLD" }, 1},
		"other key":     {func(c *tc3.Credentials) { c.SecretKey = "key-old" }, 1},
		"other token":   {func(c *tc3.Credentials) { c.Token = "token-0" }, 1},
	} {
		source := &sts{life: time.Hour}
		r := &tc3.Refreshing{Source: source}
		rejected, err := r.Credentials(context.Background())
		require.NoError(t, err)
		row.change(&rejected)
		_, err = r.Refresh(context.Background(), rejected)
		require.NoError(t, err)
		require.Equal(t, row.calls, source.calls.Load(), name)
	}
}

func TestTheRejectionIsReturnedIfARefreshFailsOrChangesNothing(t *testing.T) {
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

// A source that caches nothing is called again: a file may have been replaced.
func TestASourceThatIsNoRefresherIsCalledAgain(t *testing.T) {
	n := 0
	source := tc3.SourceFunc(func(context.Context) (tc3.Credentials, error) {
		n++
		return tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: fmt.Sprintf("token-%d", n)}, nil
	})
	base := &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}}
	require.Empty(t, do(t, &tc3.Transport{Source: tc3.Chain{source}, Base: base}, newRequest(t, strings.NewReader("{}"))))
}

// UNSIGNED-PAYLOAD without GetBody: nothing is left to send again.
func TestACallThatCannotBeSentAgainReturnsItsResponse(t *testing.T) {
	req := newRequest(t, io.MultiReader(strings.NewReader("{}")))
	req.Header.Set("X-TC-Content-SHA256", tc3.UnsignedPayload)
	source := &sts{}
	base := &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}}
	rt := &tc3.Transport{Source: &tc3.Refreshing{Source: source}, Base: base}
	require.Equal(t, "AuthFailure.TokenFailure", do(t, rt, req))
	require.EqualValues(t, 1, base.attempts.Load())
	require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))), "what was learnt stays")
}

func TestTheResponseIsReturnedIfGetBodyFails(t *testing.T) {
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

func TestNoAttemptFollowsAnEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	attempts := 0
	rt := &tc3.Transport{Source: &tc3.Refreshing{Source: &sts{}}, Base: baseFunc(func(*http.Request) (*http.Response, error) {
		attempts++
		return newResponse("AuthFailure.TokenFailure", ""), nil
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
