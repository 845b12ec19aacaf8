package tcprom_test

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tcretry/tcretry"
	"github.com/tcretry/tcretry/tcprom"
	"github.com/tcretry/tcretry/tctest"
)

func TestEveryMistakeInTheOptionsIsReportedAtOnce(t *testing.T) {
	metrics, err := tcprom.NewCollector(tcprom.Options{
		Namespace:       "1 x",
		ConstLabels:     prometheus.Labels{"class": "x", "a-b": "x", "__c": "x", "d": "\xff"},
		DurationBuckets: []float64{1, 1},
		AttemptBuckets:  []float64{math.NaN()},
		MaxTargets:      -1,
		MaxFailures:     -2,
	})
	require.Nil(t, metrics)
	require.Equal(t, []string{
		`tcprom: Options.Namespace is "1 x": it must be letters, digits and _, the first one no digit`,
		`tcprom: Options.ConstLabels is "__c": it is no name of a label`,
		`tcprom: Options.ConstLabels is "a-b": it is no name of a label`,
		`tcprom: Options.ConstLabels is "class": the metrics have a label of that name`,
		`tcprom: Options.ConstLabels is "\xff": it is not valid UTF-8`,
		`tcprom: Options.DurationBuckets is [1 1]: each must be above the one before`,
		`tcprom: Options.AttemptBuckets is [NaN]: each must be above the one before`,
		`tcprom: Options.MaxTargets is -1: it must not be negative`,
		`tcprom: Options.MaxFailures is -2: it must not be negative`,
	}, strings.Split(err.Error(), "\n"))
}

func TestEveryLabelOfTheMetricsIsRefusedAsAConstantOne(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	families, err := played(t, metrics, registry).Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, label := range family.Metric[0].Label {
			_, err := tcprom.NewCollector(tcprom.Options{ConstLabels: prometheus.Labels{label.GetName(): "x"}})
			require.ErrorContains(t, err, "the metrics have a label of that name", family.GetName())
		}
	}
}

func TestBucketsAreThoseOfTheOptions(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{DurationBuckets: []float64{7}, AttemptBuckets: []float64{5}})
	call(t, tcretry.New(tctest.NewAPI(), tcretry.WithHooks(metrics.Hooks())), "DescribeInstances")
	text := scrape(t, registry)
	for name, bound := range map[string]string{"duration_seconds": "7.0", "attempts": "5.0"} {
		series := `tcretry_call_` + name + `_bucket{action="DescribeInstances",region="ap-guangzhou",service="cvm",le=`
		require.Contains(t, text, series+`"`+bound+`"} 1`)
		require.Equal(t, 2, strings.Count(text, series), "and the infinite one")
	}
}

// The defaults, beside the infinite bound of each histogram.
func TestBucketsByDefault(t *testing.T) {
	metrics, registry := newCollector(t, tcprom.Options{})
	call(t, tcretry.New(tctest.NewAPI(), tcretry.WithHooks(metrics.Hooks())), "DescribeInstances")
	families, err := registry.Gather()
	require.NoError(t, err)
	bounds := map[string][]float64{}
	for _, family := range families {
		for _, bucket := range family.Metric[0].GetHistogram().GetBucket() {
			if bound := bucket.GetUpperBound(); !math.IsInf(bound, 0) {
				bounds[family.GetName()] = append(bounds[family.GetName()], bound)
			}
		}
	}
	require.Equal(t, map[string][]float64{
		"tcretry_call_duration_seconds": {.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		"tcretry_call_attempts":         {1, 2, 3, 4, 6, 8, 12, 16},
	}, bounds)
}

func TestWatchReportsEveryMistakeAtOnce(t *testing.T) {
	metrics, _ := newCollector(t, tcprom.Options{})
	require.NoError(t, metrics.Watch("default", tcretry.New(nil)))
	for _, none := range []tcprom.Transport{nil, (*tcretry.Transport)(nil)} {
		err := metrics.Watch("default", none)
		require.ErrorContains(t, err, `tcprom: the Transport to watch as "default" is nil`)
		require.ErrorContains(t, err, `tcprom: a Transport with the name "default" is watched already`)
	}
	for _, name := range []string{"", "\xff"} {
		require.ErrorContains(t, metrics.Watch(name, tcretry.New(nil)), "it must be valid UTF-8, and not empty")
	}
}
