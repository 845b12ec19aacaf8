package main

import (
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry/bench/scene"
	"github.com/tcretry/tcretry/tctest"
)

// counted counts the attempts that go through it.
type counted struct {
	api      *tctest.API
	attempts int
}

func (c *counted) RoundTrip(req *http.Request) (*http.Response, error) {
	c.attempts++
	return c.api.RoundTrip(req)
}

func TestEveryStrategyRetriesTransientErrors(t *testing.T) {
	cases := []struct {
		strategies []scene.Strategy
		replies    []tctest.Reply
	}{
		{
			[]scene.Strategy{officialSDK, retryableDefaults, constantSecond, backoffDefaults, configuredLimiter, tcretryDefaults, tcretrySlow},
			[]tctest.Reply{tctest.Throttle(), tctest.Throttle()},
		},
		{
			[]scene.Strategy{threeRetries, retryableDefaults, backoffDefaults, withoutBudget, tcretryDefaults},
			[]tctest.Reply{tctest.DropBeforeExecution(), tctest.GatewayError(503)},
		},
	}
	for _, c := range cases {
		for _, s := range c.strategies {
			t.Run(s.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					base := &counted{api: tctest.NewAPI(c.replies...)}
					require.NoError(t, s.New(base, 20)())
					require.Equal(t, 3, base.attempts)
				})
			})
		}
	}
}

func TestACallThatFailsInTheEndCountsAsFailed(t *testing.T) {
	for _, s := range []scene.Strategy{officialSDK, retryableDefaults, threeRetries, tcretryDefaults} {
		t.Run(s.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := tctest.NewAPI()
				api.Default(tctest.Throttle())
				require.Error(t, s.New(api, 20)())
			})
		})
	}
}

func TestAPictureIsWellFormedAndNamesItsPanels(t *testing.T) {
	p := picture{title: "a < b", seconds: 2, most: 60, line: 20, from: 1, to: 2, panels: []panel{
		{name: "one & all", figures: "3 s", attempts: []scene.Attempt{
			{At: 0}, {At: time.Second, Failed: true}, {At: time.Second, Other: true}, {At: time.Hour},
		}},
	}}
	svg := p.svg()
	requireWellFormed(t, svg)
	require.Contains(t, svg, "one &amp; all")
	good, bad := perSecond(p.panels[0].attempts, p.seconds)
	require.Equal(t, []int{1, 0}, good)
	require.Equal(t, []int{0, 1}, bad)
}

func requireWellFormed(t *testing.T, text string) {
	t.Helper()
	for decoder := xml.NewDecoder(strings.NewReader(text)); ; {
		_, err := decoder.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
	}
}
