package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrape appends the lines of one scrape with their time. Exemplars cannot be imported.
func scrape(text *bytes.Buffer, registry *prometheus.Registry, at time.Time) error {
	response := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(response, request)
	if response.Code != http.StatusOK {
		return fmt.Errorf("a scrape: %d %s", response.Code, response.Body)
	}
	for line := range strings.Lines(response.Body.String()) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), " # ")
		if !strings.HasPrefix(line, "#") {
			fmt.Fprintf(text, "%s %d\n", line, at.Unix())
		}
	}
	return nil
}

// clock is the time of the scrapes.
type clock struct{ from, to time.Time }

// steps returns how many values a series has.
func (c clock) steps() int { return 1 + int(c.to.Sub(c.from)/step) }

// clockOf reads the times of the first and the last line of scrapes.
func clockOf(scrapes []byte) (clock, error) {
	lines := strings.Split(strings.TrimSuffix(string(scrapes), "\n# EOF\n"), "\n")
	var seconds [2]int64
	for i, line := range []string{lines[0], lines[len(lines)-1]} {
		var err error
		seconds[i], err = strconv.ParseInt(line[strings.LastIndexByte(line, ' ')+1:], 10, 64)
		if err != nil {
			return clock{}, fmt.Errorf("a scrape: %w", err)
		}
	}
	return clock{time.Unix(seconds[0], 0).UTC(), time.Unix(seconds[1], 0).UTC()}, nil
}
