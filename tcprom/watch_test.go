package tcprom_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/budget"
	"github.com/tcretry/tcretry/ratelimit"
	"github.com/tcretry/tcretry/tcprom"
	"github.com/tcretry/tcretry/tctest"
)

// knowingPacer and knowingBudget tell what a test gives them.
type knowingPacer struct {
	ratelimit.Adaptive
	paces []ratelimit.State
}

func (p *knowingPacer) States() []ratelimit.State { return p.paces }

type knowingBudget struct {
	budget.Tokens
	hosts []budget.HostState
}

func (b *knowingBudget) States() []budget.HostState { return b.hosts }

func TestWhatIsKnownOfABudgetIsToldAtAScrape(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	budget := &knowingBudget{hosts: []budget.HostState{
		{Host: "a", Tokens: 50},
		{Host: "b", Tokens: 1.5, Open: true, Deferred: 7},
	}}
	require.NoError(t, metrics.Watch("default", tcretry.New(nil, tcretry.WithBudget(budget))))
	text := scrape(t, registry)
	for _, line := range []string{
		`tcretry_budget_tokens{host="a",transport="default"} 50.0`,
		`tcretry_budget_tokens{host="b",transport="default"} 1.5`,
		`tcretry_budget_circuit_open{host="a",transport="default"} 0.0`,
		`tcretry_budget_circuit_open{host="b",transport="default"} 1.0`,
		`tcretry_budget_deferred_retries{host="b",transport="default"} 7.0`,
	} {
		require.Contains(t, text, line)
	}
	budget.hosts = nil
	require.NotContains(t, scrape(t, registry), "tcretry_budget", "what is forgotten is not told")
}

// wrapper is a Transport of another package, as tcotel has one.
type wrapper struct{ *tcretry.Transport }

func TestATransportThatWrapsOneIsWatchedToo(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	budget := &knowingBudget{hosts: []budget.HostState{{Host: "a", Tokens: 50}}}
	require.NoError(t, metrics.Watch("default", wrapper{tcretry.New(nil, tcretry.WithBudget(budget))}))
	require.Contains(t, scrape(t, registry), `tcretry_budget_tokens{host="a",transport="default"} 50.0`)
}

func TestPacesOfSeveralCredentialsAddUpAndOpenOnesAreOnlyCounted(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	pacer := &knowingPacer{paces: []ratelimit.State{
		{Host: "a", Action: "X", Mode: ratelimit.Own, Limit: 20, Rate: 19.5, Waiting: 3, InFlight: 2},
		{Host: "a", Action: "X", Mode: ratelimit.Shared, Limit: 10, Rate: 4, Waiting: 1, InFlight: 1},
		{Host: "a", Action: "Y", InFlight: 100},
		{Host: "a", Mode: ratelimit.Shared, Rate: 80},
	}}
	require.NoError(t, metrics.Watch("default", tcretry.New(nil, tcretry.WithRateLimiter(pacer))))
	text := scrape(t, registry)
	for _, line := range []string{
		`tcretry_ratelimit_rate{action="X",host="a",transport="default"} 23.5`,
		`tcretry_ratelimit_limit{action="X",host="a",transport="default"} 30.0`,
		`tcretry_ratelimit_waiting_calls{action="X",host="a",transport="default"} 4.0`,
		`tcretry_ratelimit_inflight_attempts{action="X",host="a",transport="default"} 3.0`,
		`tcretry_ratelimit_rate{action="",host="a",transport="default"} 80.0`,
		`tcretry_ratelimit_keys{mode="open",transport="default"} 1.0`,
		`tcretry_ratelimit_keys{mode="own",transport="default"} 1.0`,
		`tcretry_ratelimit_keys{mode="shared",transport="default"} 2.0`,
	} {
		require.Contains(t, text, line)
	}
	require.NotContains(t, text, `action="Y"`)
}

func TestHostsAndActionsOfTransportsAreBounded(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	retries, limits := &knowingBudget{}, &knowingPacer{}
	for i := range 150 {
		retries.hosts = append(retries.hosts, budget.HostState{Host: fmt.Sprint("host", i), Tokens: 2, Open: true})
		limits.paces = append(limits.paces, ratelimit.State{Host: "host0", Action: fmt.Sprint("Action", i), Mode: ratelimit.Shared, Rate: 1})
	}
	require.NoError(t, metrics.Watch("default", tcretry.New(nil, tcretry.WithBudget(retries), tcretry.WithRateLimiter(limits))))
	text := scrape(t, registry)
	require.Contains(t, text, `tcretry_budget_tokens{host="other",transport="default"} 100.0`)
	require.Contains(t, text, `tcretry_budget_circuit_open{host="other",transport="default"} 50.0`)
	require.Equal(t, 101, series(t, registry, "tcretry_budget_tokens"))
	require.Equal(t, 101, series(t, registry, "tcretry_ratelimit_rate"))
}

func TestAHostThatIsNoTextSpoilsNoScrape(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	budget := &knowingBudget{hosts: []budget.HostState{{Host: "\xff", Tokens: 3}}}
	require.NoError(t, metrics.Watch("default", tcretry.New(nil, tcretry.WithBudget(budget))))
	require.Contains(t, scrape(t, registry), `tcretry_budget_tokens{host="other",transport="default"} 3.0`)
}

func TestATransportWithoutBudgetAndPacerHasNoGauges(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	rt := tcretry.New(tctest.NewAPI(), tcretry.WithoutBudget(), tcretry.WithoutRateLimiter(), tcretry.WithHooks(metrics.Hooks()))
	require.NoError(t, metrics.Watch("default", rt))
	call(t, rt, "DescribeInstances")
	text := scrape(t, registry)
	require.Contains(t, text, "tcretry_calls_total{")
	require.NotContains(t, text, "tcretry_budget")
	require.NotContains(t, text, "tcretry_pace")
}
