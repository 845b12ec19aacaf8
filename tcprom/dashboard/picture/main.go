// Command picture draws the dashboard as Grafana shows it, without a Grafana: it plays
// half an hour of calls against an embedded API in virtual time, loads the scrapes into a
// real Prometheus, runs the queries of every panel, and draws the responses. In the
// repository:
//
//	go run ./tcprom/dashboard/picture -o tcprom/dashboard.svg
//
// It needs prometheus and promtool, which Debian has in its package prometheus. What the
// library draws at random, such as jitter, makes each picture different in detail.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
)

func main() {
	file := flag.String("o", "", "write the picture to this `file`, not to standard output")
	dashboard := flag.String("dashboard", "tcprom/dashboard.json", "the `file` with the dashboard")
	// Virtual time exists in tests only, so this program is one: testing.Main is what go
	// test calls. Its output goes to standard error.
	stdout := os.Stdout
	os.Stdout = os.Stderr
	everything := func(string, string) (bool, error) { return true, nil }
	testing.Main(everything, []testing.InternalTest{{Name: "picture", F: func(t *testing.T) {
		b, err := readBoard(*dashboard)
		if err != nil {
			t.Fatal(err)
		}
		graphs, err := measure(t.Context(), t.TempDir(), b, play(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(stdout, *file, draw(b, graphs)); err != nil {
			t.Fatal(err)
		}
	}}}, nil, nil)
}

// write writes the picture to a file, or to standard output if there is no name.
func write(stdout io.Writer, file string, picture []byte) error {
	if file == "" {
		_, err := stdout.Write(picture)
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}

// graph is a panel with the series of each of its queries.
type graph struct {
	panel
	clock  clock
	series [][]series
}

// lines returns the series of all queries, the highest first.
func (g graph) lines() []series {
	return slices.SortedStableFunc(slices.Values(slices.Concat(g.series...)), func(a, b series) int {
		return cmp.Compare(mean(b.values), mean(a.values))
	})
}

// measure runs the queries of every panel over the scrapes. The server has its files in
// dir.
func measure(ctx context.Context, dir string, b board, scrapes []byte) ([]graph, error) {
	s, err := serve(ctx, dir, scrapes)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var graphs []graph
	for _, p := range b.Panels {
		g := graph{panel: p, clock: s.clock}
		for _, target := range p.Targets {
			found, err := s.query(ctx, target)
			if err != nil {
				return nil, fmt.Errorf("panel %q: %w", p.Title, err)
			}
			g.series = append(g.series, found)
		}
		graphs = append(graphs, g)
	}
	return graphs, nil
}
