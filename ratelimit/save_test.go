package ratelimit_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/ratelimit"
)

// learn makes a learn that testKey has a limit of 4 per second.
func learn(t *testing.T, a *ratelimit.Adaptive) {
	t.Helper()
	l := a.ForKey(testKey)
	begin(t, l, 5)
	done(l, 4, accepted)
	done(l, 1, over(5, 4))
}

func save(t *testing.T, a *ratelimit.Adaptive) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, a.Save(&out))
	return out.String()
}

func load(t *testing.T, text string) *ratelimit.Adaptive {
	t.Helper()
	a := &ratelimit.Adaptive{Seed: 1}
	require.NoError(t, a.Load(strings.NewReader(text)))
	return a
}

func TestLoad_continuesWhereSaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{Seed: 1}
		learn(t, a)
		text := save(t, a)
		require.JSONEq(t, `{"version": 1, "limits": [
			{"host": "cvm.tencentcloudapi.com", "action": "DescribeInstances", "limit": 4, "learnedAt": "`+time.Now().UTC().Format(time.RFC3339)+`"}]}`, text)

		time.Sleep(time.Hour)
		b := load(t, text)
		require.Equal(t, text, save(t, b), "what was not used stays")
		require.Equal(t, 4, adaptiveState(b).Limit)
		require.Equal(t, ratelimit.Own, adaptiveState(b).Mode)
		begin(t, b.ForKey(testKey), 4)
		requireWaiting(t, waitAsync(t.Context(), b.ForKey(testKey), ratelimit.WaitOptions{NotAfter: time.Now().Add(time.Minute)}))
		require.Equal(t, text, save(t, b), "the age is that of the last throttling response")
	})
}

func TestSave_writesNoCredentialAndTheLowestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{Seed: 1}
		learn(t, a)
		other := testKey
		other.Credential = "AKIDother"
		l := a.ForKey(other)
		begin(t, l, 3)
		done(l, 2, accepted)
		done(l, 1, over(3, 2))
		text := save(t, a)
		require.NotContains(t, text, "AKID")
		require.Equal(t, 1, strings.Count(text, `"limit"`))
		require.Contains(t, text, `"limit": 2`)
	})
}

func TestSave_writesALimitOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{Seed: 1}
		l := a.ForKey(testKey)
		begin(t, l, 2)
		done(l, 1, over(2, 1))
		require.Contains(t, save(t, a), `"limit": 1`)
	})
}

func TestSave_writesTheLimitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{Seed: 1}
		for _, key := range []ratelimit.Key{{Host: "b", Action: "A"}, {Host: "a", Action: "Y"}, {Host: "b", Action: "Z"}, {Host: "a", Action: "X"}} {
			l := a.ForKey(key)
			begin(t, l, 5)
			done(l, 1, over(5, 4))
		}
		want := regexp.MustCompile(`(?s)"a".*"X".*"a".*"Y".*"b".*"A".*"b".*"Z"`)
		require.Regexp(t, want, save(t, a))
	})
}

func TestSave_writesTheRateOfALimitThatIsSharedOrNotKnown(t *testing.T) {
	for limit, throttled := range map[int]ratelimit.Result{20: over(50, 20), 0: {Verdict: ratelimit.Throttled}} {
		synctest.Test(t, func(t *testing.T) {
			a := &ratelimit.Adaptive{Seed: 1}
			l := a.ForKey(testKey)
			begin(t, l, 5)
			done(l, 4, accepted)
			done(l, 1, throttled)
			before := adaptiveState(a)
			require.Equal(t, ratelimit.Shared, before.Mode)
			after := adaptiveState(load(t, save(t, a)))
			require.Equal(t, ratelimit.Shared, after.Mode)
			require.Equal(t, limit, after.Limit)
			require.InDelta(t, before.Rate, after.Rate, 0.001)
		})
	}
}

// A program that runs for a moment, often, must not make what it has learned once look new.
func TestSave_writesWhatWasLoadedWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, throttled := range []ratelimit.Result{over(5, 4), over(50, 20)} { // its own, and a shared one
			a := &ratelimit.Adaptive{Seed: 1}
			l := a.ForKey(testKey)
			begin(t, l, 5)
			done(l, 4, accepted)
			done(l, 1, throttled)
			text := save(t, a)
			require.Contains(t, text, testKey.Action)
			time.Sleep(time.Hour)
			again := load(t, text)
			again.ForKey(testKey) // it is in use
			require.Equal(t, text, save(t, again))
		}
	})
}

func TestSave_writesTheLowestOfALoadedLimitAndOneOfAnotherCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{Seed: 1}
		learn(t, a)
		again := load(t, save(t, a))
		again.ForKey(testKey)
		other := testKey
		other.Credential = "AKIDother"
		again.SetLimits(func(key ratelimit.Key) int { return map[ratelimit.Key]int{other: 20}[key] })
		l := again.ForKey(other)
		begin(t, l, 11)
		done(l, 10, accepted)
		done(l, 1, over(11, 10)) // a higher limit
		require.Contains(t, save(t, again), `"limit": 4`)
	})
}

func TestSave_writesNothingThatWasNotLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := limited(5)
		begin(t, a.ForKey(testKey), 5)
		begin(t, a.ForKey(ratelimit.Key{Host: "h"}), 5)
		require.JSONEq(t, `{"version": 1, "limits": []}`, save(t, a))
		require.ErrorContains(t, a.Save(failingWriter{}), "tcretry: saving limits: disk full")
	})
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLoad_ignoresWhatIsOlderThanAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &ratelimit.Adaptive{Seed: 1}
		learn(t, a)
		text := save(t, a)
		time.Sleep(7*24*time.Hour - time.Second)
		require.Equal(t, 4, adaptiveState(load(t, text)).Limit)
		time.Sleep(time.Second)
		require.Equal(t, ratelimit.Open, adaptiveState(load(t, text)).Mode)
	})
}

func TestLoad_acceptsLimitsAndRatesInTheirRange(t *testing.T) {
	for values, want := range map[string]string{
		`"limit": 1`:            "",
		`"limit": 65536`:        "",
		`"limit": 65537`:        "limit 65537: want 0 to 65536",
		`"limit": -1`:           "limit -1: want 0 to 65536",
		`"limit": 0`:            "neither a limit nor a rate",
		`"rate": 0.01`:          "",
		`"rate": 65536`:         "",
		`"rate": 65536.5`:       "rate 65536.5: want 0 to 65536",
		`"rate": -0.01`:         "rate -0.01: want 0 to 65536",
		`"limit": 5, "rate": 2`: "",
	} {
		now := time.Now().UTC().Format(time.RFC3339)
		err := new(ratelimit.Adaptive).Load(strings.NewReader(
			`{"version": 1, "limits": [{"host": "h", "action": "A", "learnedAt": "` + now + `", ` + values + `}]}`))
		if want == "" {
			require.NoError(t, err, values)
		} else {
			require.EqualError(t, err, `tcretry: loading limits: "A" of "h": `+want, values)
		}
	}
}

func TestLoad_namesWhatIsDamagedAndWorksWithoutIt(t *testing.T) {
	now := time.Now().UTC().Format(time.RFC3339)
	good := `{"host": "cvm.tencentcloudapi.com", "action": "DescribeInstances", "limit": 4, "learnedAt": "` + now + `"}`
	for text, want := range map[string]string{
		``:                             "tcretry: loading limits: unexpected end of JSON input",
		`{"version": 1, "limits": [`:   "tcretry: loading limits: unexpected end of JSON input",
		`[]`:                           "tcretry: loading limits: json: cannot unmarshal array",
		`{"version": 2, "limits": []}`: "tcretry: loading limits: version 2: want 1",
		`{}`:                           "tcretry: loading limits: version 0: want 1",
		`{"version": 1, "limits": [{"host": "h", "action": "A", "limit": -1, "learnedAt": "` + now + `"}, {"host": "h", "action": "B", "learnedAt": "` + now + `"}, ` + good + `]}`: `tcretry: loading limits: "A" of "h": limit -1: want 0 to `,
	} {
		a := new(ratelimit.Adaptive)
		require.ErrorContains(t, a.Load(strings.NewReader(text)), want, text)
		if strings.Contains(text, good) {
			require.Equal(t, 4, adaptiveState(a).Limit, "the entries that are valid are loaded")
			require.ErrorContains(t, a.Load(strings.NewReader(text)), `"B" of "h": neither a limit nor a rate`)
		} else {
			require.Equal(t, ratelimit.Open, adaptiveState(a).Mode, text)
		}
	}
	a := new(ratelimit.Adaptive)
	require.ErrorContains(t, a.Load(iotest.ErrReader(io.ErrClosedPipe)), "tcretry: loading limits: io: read/write on closed pipe")
	require.ErrorContains(t, a.Load(strings.NewReader(strings.Repeat(" ", 4<<20+1))), "more than 4194304 bytes")
}
