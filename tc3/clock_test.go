package tc3_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/tc3"
)

func TestAWrongClockCostsOneAttemptInTotal(t *testing.T) {
	rows := []struct {
		name           string
		ahead          time.Duration
		noDate, inText bool
		first          int64 // attempts of the first call
		want           string
	}{
		{name: "ten minutes behind", ahead: 10 * time.Minute, first: 2},
		{name: "ten minutes ahead", ahead: -10 * time.Minute, first: 2},
		{name: "a wrong time zone", ahead: 14 * time.Hour, first: 2},
		{name: "the time in the message", ahead: 10 * time.Minute, noDate: true, inText: true, first: 2},
		{name: "right", ahead: 4 * time.Minute, first: 1},
		{name: "no time in the response", ahead: 10 * time.Minute, noDate: true, first: 1, want: "AuthFailure.SignatureExpire"},
		{name: "more than a day", ahead: 25 * time.Hour, first: 1, want: "AuthFailure.SignatureExpire"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := &api{accepts: keyA, ahead: row.ahead, noDate: row.noDate, inText: row.inText}
				rt := &tc3.Transport{Source: tc3.Static(keyA), Base: base}
				require.Equal(t, row.want, do(t, rt, newRequest(t, strings.NewReader("{}"))))
				require.Equal(t, row.first, base.attempts.Load())
				for range 10 {
					time.Sleep(time.Hour)
					require.Equal(t, row.want, do(t, rt, newRequest(t, strings.NewReader("{}"))))
				}
				require.Equal(t, row.first+10, base.attempts.Load())
			})
		})
	}
}

func TestALocalClockThatIsSetRightIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &api{accepts: keyA, ahead: 10 * time.Minute}
		rt := &tc3.Transport{Source: tc3.Static(keyA), Base: base}
		require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))))
		base.ahead = 20 * time.Second
		var at int64
		rt.Base = baseFunc(func(r *http.Request) (*http.Response, error) {
			at, _ = strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
			return base.RoundTrip(r)
		})
		require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))))
		require.EqualValues(t, 4, base.attempts.Load())
		require.Equal(t, time.Now().Unix(), at, "a difference within the window is not corrected")
	})
}

// Concurrent rejections: no call undoes the correction of another.
func TestConcurrentCallsWithAnExpiredSignatureAreAllSignedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &api{accepts: keyA, ahead: -10 * time.Minute}
		slow := baseFunc(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return base.RoundTrip(r)
		})
		rt := &tc3.Transport{Source: tc3.Static(keyA), Base: slow}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}")))) })
		}
		wg.Wait()
		require.EqualValues(t, 200, base.attempts.Load())
		require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))))
		require.EqualValues(t, 201, base.attempts.Load())
	})
}

// A signature that expired in a queue of the base: the clock was right.
func TestASignatureThatExpiredInTheBaseIsMadeAgainWithTheSameClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &api{accepts: keyA}
		first := true
		rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(r *http.Request) (*http.Response, error) {
			if first {
				first = false
				time.Sleep(6 * time.Minute)
			}
			require.NotEmpty(t, r.Header.Get("X-TC-Timestamp"))
			return base.RoundTrip(r)
		})}
		require.Empty(t, do(t, rt, newRequest(t, strings.NewReader("{}"))))
		require.EqualValues(t, 2, base.attempts.Load())
	})
}

func TestTheDateIsPreferredToTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stamps []int64
		now := time.Now()
		rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(r *http.Request) (*http.Response, error) {
			at, err := strconv.ParseInt(r.Header.Get("X-TC-Timestamp"), 10, 64)
			require.NoError(t, err)
			stamps = append(stamps, at-now.Unix())
			resp := newResponse("AuthFailure.SignatureExpire", "the server time "+strconv.FormatInt(now.Add(time.Hour).Unix(), 10)+".")
			resp.Header.Set("Date", now.Add(20*time.Minute).UTC().Format(http.TimeFormat))
			return resp, nil
		})}
		require.Equal(t, "AuthFailure.SignatureExpire", do(t, rt, newRequest(t, nil)))
		require.Equal(t, []int64{0, 20 * 60}, stamps, "once, and by the Date")
	})
}

// The message is used when the Date, which a proxy may have written, explains
// nothing.
func TestADateThatDoesNotExplainTheRejectionIsOverriddenByTheMessage(t *testing.T) {
	for ahead, want := range map[time.Duration]int{time.Hour: 2, time.Minute: 1} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(*http.Request) (*http.Response, error) {
				attempts++
				now := time.Now()
				resp := newResponse("AuthFailure.SignatureExpire", "the server time "+strconv.FormatInt(now.Add(ahead).Unix(), 10)+".")
				resp.Header.Set("Date", now.UTC().Format(http.TimeFormat))
				return resp, nil
			})}
			require.Equal(t, "AuthFailure.SignatureExpire", do(t, rt, newRequest(t, nil)))
			require.Equal(t, want, attempts)
		})
	}
}

// The numbers of a message that are not times of now move nothing.
func TestNumbersThatAreNotTheTimeAreIgnored(t *testing.T) {
	for _, message := range []string{"uin 1000000001", "id 17954609850000", "at 179546098", "at 17954609", "9999999999", ""} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(*http.Request) (*http.Response, error) {
				attempts++
				resp := newResponse("AuthFailure.SignatureExpire", message)
				resp.Header.Set("Date", "yesterday")
				return resp, nil
			})}
			require.Equal(t, "AuthFailure.SignatureExpire", do(t, rt, newRequest(t, nil)))
			require.Equal(t, 1, attempts)
		})
	}
}

// Exactly three minutes explain no rejection, and a whole day is the most that is
// corrected, in either direction.
func TestTheLimitsOfACorrectionAreExact(t *testing.T) {
	for ahead, want := range map[time.Duration]int{
		3 * time.Minute: 1, 3*time.Minute + time.Second: 2, 24 * time.Hour: 2, 24*time.Hour + time.Second: 1,
	} {
		for _, ahead := range []time.Duration{ahead, -ahead} {
			for _, date := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					attempts := 0
					rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(*http.Request) (*http.Response, error) {
						attempts++
						server := time.Now().Add(ahead)
						if !date {
							return newResponse("AuthFailure.SignatureExpire", "the server time "+strconv.FormatInt(server.Unix(), 10)+"."), nil
						}
						resp := newResponse("AuthFailure.SignatureExpire", "")
						resp.Header.Set("Date", server.UTC().Format(http.TimeFormat))
						return resp, nil
					})}
					require.Equal(t, "AuthFailure.SignatureExpire", do(t, rt, newRequest(t, nil)))
					require.Equal(t, want, attempts, "%s, in the Date: %t", ahead, date)
				})
			}
		}
	}
}

// Both errors in one call: each is corrected once, and never again.
func TestClockAndTokenAreCorrectedInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &api{accepts: tc3.Credentials{SecretID: "AKIDT", SecretKey: "key-t", Token: "token-2"}, ahead: time.Hour}
		rt := &tc3.Transport{Source: &tc3.Refreshing{Source: &sts{}}, Base: base}
		require.Empty(t, do(t, rt, newRequest(t, io.MultiReader(strings.NewReader("{}")))))
		require.EqualValues(t, 3, base.attempts.Load())
	})
}

// The discarded response frees its connection, the returned one is open.
func TestAResponseThatIsNotReturnedIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &api{accepts: keyA, ahead: time.Hour}
		var bodies []*closeCounter
		rt := &tc3.Transport{Source: tc3.Static(keyA), Base: baseFunc(func(r *http.Request) (*http.Response, error) {
			resp, err := base.RoundTrip(r)
			bodies = append(bodies, &closeCounter{Reader: resp.Body})
			resp.Body = bodies[len(bodies)-1]
			return resp, err
		})}
		resp, err := rt.RoundTrip(newRequest(t, strings.NewReader("{}")))
		require.NoError(t, err)
		require.Len(t, bodies, 2)
		require.Equal(t, 1, bodies[0].closed)
		require.Equal(t, 0, bodies[1].closed)
		require.NoError(t, resp.Body.Close())
	})
}
