package main

import (
	"encoding/xml"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	dashboardFile = "../../dashboard.json"
	pictureFile   = "../../dashboard.svg"
)

// needPrometheus skips a test on a machine without Prometheus. Where .ci/run alerts has
// installed it, that is a failure.
func needPrometheus(t *testing.T) {
	t.Helper()
	for _, name := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("TCPROM_NEED_PROMETHEUS") != "" {
				require.NoError(t, err)
			}
			t.Skipf("there is no %s here: .ci/run alerts", name)
		}
	}
}

// requireTitles requires that a picture is well-formed and has the title of every panel.
func requireTitles(t *testing.T, b board, picture []byte) {
	t.Helper()
	require.NoError(t, xml.Unmarshal(picture, new(struct{})))
	for _, p := range b.Panels {
		require.Contains(t, string(picture), ">"+html.EscapeString(p.Title)+"</text>")
	}
}

func TestEveryQueryOfEveryPanelHasDataAndIsDrawn(t *testing.T) {
	needPrometheus(t)
	b, err := readBoard(dashboardFile)
	require.NoError(t, err)
	graphs, err := measure(t.Context(), t.TempDir(), b, play(t))
	require.NoError(t, err)
	picture := draw(b, graphs)
	requireTitles(t, b, picture)
	require.Len(t, graphs, len(b.Panels))
	drawn := 0
	for _, g := range graphs {
		require.Len(t, g.series, len(g.Targets), g.Title)
		for i, all := range g.series {
			require.NotEmpty(t, all, "panel %q: no data for %s", g.Title, g.Targets[i].query())
			drawn += len(all)
			highest := 0.0
			for _, s := range all {
				highest = most([]float64{highest, most(s.values)})
				require.True(t, g.Type == "stat" || s.name != "", "panel %q: an empty legend of %s", g.Title, g.Targets[i].query())
			}
			require.Positive(t, highest, "panel %q: nothing but 0 for %s", g.Title, g.Targets[i].query())
		}
	}
	require.Equal(t, drawn, strings.Count(string(picture), `<path class="l`), "a line per series")
}

func TestAQueryThatPrometheusRejectsIsAnErrorThatNamesThePanel(t *testing.T) {
	needPrometheus(t)
	b := board{Panels: []panel{{Title: "Call rate", Targets: []target{{Expr: "sum(("}}}}}
	_, err := measure(t.Context(), t.TempDir(), b, []byte("up 1 946684800\n# EOF\n"))
	require.ErrorContains(t, err, `panel "Call rate"`)
	require.ErrorContains(t, err, "parse error")
}

// The picture in the documents is drawn from time to time. It is too old if it lacks a
// panel.
func TestThePictureInTheDocumentsHasEveryPanel(t *testing.T) {
	b, err := readBoard(dashboardFile)
	require.NoError(t, err)
	picture, err := os.ReadFile(pictureFile)
	require.NoError(t, err)
	requireTitles(t, b, picture)
	require.Less(t, len(picture), 60<<10)
	require.Contains(t, string(picture), "prefers-color-scheme: dark")
}

func TestAFileThatIsNoDashboardIsAnError(t *testing.T) {
	for _, text := range []string{"", "{}", "[]"} {
		file := filepath.Join(t.TempDir(), "dashboard.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := readBoard(file)
		require.ErrorContains(t, err, file)
	}
}
