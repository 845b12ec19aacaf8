package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var gone = math.NaN()

func TestValuesAreWrittenInTheUnitsOfGrafana(t *testing.T) {
	for _, c := range []struct {
		value      float64
		unit, want string
	}{
		{0, "s", "0 s"},
		{0.7949, "s", "795 ms"},
		{12.345, "s", "12.3 s"},
		{0.0591, "percentunit", "5.91%"},
		{15.55, "reqps", "15.6 req/s"},
		{1234, "short", "1234"},
		{0.333, "short", "0.33"},
		{gone, "reqps", "–"},
	} {
		require.Equal(t, c.want, format(c.value, c.unit))
	}
}

func TestAnAxisShowsTheHighestValueWithAtMostFourLinesAboveZero(t *testing.T) {
	for _, highest := range []float64{1e-3, 0.04, 0.9, 1, 3.2, 9.9, 10, 15.4, 26, 53, 1000} {
		end, distance := scale(highest)
		require.GreaterOrEqual(t, end, highest)
		require.LessOrEqual(t, end, 2*highest, "the values fill the plot")
		require.LessOrEqual(t, end/distance, 4.0)
	}
	for _, nothing := range []float64{0, gone} {
		end, distance := scale(nothing)
		require.Equal(t, []float64{1, 0.5}, []float64{end, distance})
	}
}

func TestALineHasGapsWhereThereAreNoValues(t *testing.T) {
	b := box{0, 0, 60, 10}
	require.Equal(t, "M10 5L20 0M40 10L60 10", b.path([]float64{gone, 1, 2, gone, 0, 0, 0}, 2), "a level part has two points")
	require.Empty(t, b.path([]float64{gone, gone}, 2))
}

func TestALegendNamesASeriesByItsLabels(t *testing.T) {
	labels := map[string]string{"code": "HTTP", "status": "502"}
	require.Equal(t, "HTTP 502", target{LegendFormat: "{{code}} {{ status }}"}.legend(labels))
	require.Equal(t, "tokens", target{LegendFormat: "tokens {{host}}"}.legend(labels), "no label, no space")
}

func TestALegendShowsMeanMaximumAndLastOfTheValuesThereAre(t *testing.T) {
	values := []float64{gone, 1, 4, 1, gone}
	require.Equal(t, []float64{2, 4, 1}, []float64{mean(values), most(values), last(values)})
	for _, none := range []float64{mean(nil), most(nil), last(nil)} {
		require.True(t, math.IsNaN(none))
	}
}

func TestAQueryHasNoVariableOfGrafanaLeft(t *testing.T) {
	b, err := readBoard(dashboardFile)
	require.NoError(t, err)
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			require.NotContains(t, target.query(), "$")
		}
	}
}

func TestTimesOnTheAxisAreRoundAndWithinIt(t *testing.T) {
	at := time.Date(2000, 1, 1, 9, 0, 15, 0, time.UTC)
	times := clock{at, at.Add(30 * time.Minute)}.times()
	require.Equal(t, []string{"09:10", "09:20", "09:30"}, []string{times[0].Format("15:04"), times[1].Format("15:04"), times[2].Format("15:04")})
	require.Len(t, times, 3)
}
