package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// board is what the picture shows of a dashboard for Grafana.
type board struct {
	Title      string
	Panels     []panel
	Templating struct{ List []variable }
}

// variable is one that people choose a value of.
type variable struct{ Label, Type string }

// panel is one of Grafana's types row, stat and timeseries.
type panel struct {
	Title, Type string
	GridPos     struct{ X, Y, W, H int } // in cells of a grid of 24 columns
	Targets     []target
	FieldConfig struct{ Defaults struct{ Unit string } }
}

// target is a query of a panel.
type target struct{ Expr, LegendFormat string }

// readBoard reads the file that people import in Grafana.
func readBoard(name string) (board, error) {
	var b board
	text, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err == nil && len(b.Panels) == 0 {
		err = errors.New("it has no panels")
	}
	if err != nil {
		return board{}, fmt.Errorf("the dashboard %s: %w", name, err)
	}
	return b, nil
}

// query replaces Grafana's variables as it does when all values are chosen. Its
// $__rate_interval is four times the interval of the scrapes, or more.
func (t target) query() string {
	return strings.NewReplacer(
		"$__rate_interval", (4 * scrapeInterval).Truncate(time.Second).String(),
		"$service", ".*", "$action", ".*", "$region", ".*",
	).Replace(t.Expr)
}

var placeholder = regexp.MustCompile(`\{\{ *(\w+) *\}\}`)

// legend names a series by its labels.
func (t target) legend(labels map[string]string) string {
	name := placeholder.ReplaceAllStringFunc(t.LegendFormat, func(p string) string {
		return labels[placeholder.FindStringSubmatch(p)[1]]
	})
	return strings.Join(strings.Fields(name), " ")
}
