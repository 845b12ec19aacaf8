package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"
)

// series is one line of a graph, with a value per step: NaN where there is none.
type series struct {
	name   string
	values []float64
}

// step is the time between two values in the picture.
const step = 30 * time.Second

// series runs a query over the time of the scrapes.
func (s *server) query(ctx context.Context, of target) ([]series, error) {
	seconds := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	body, err := s.get(ctx, "/api/v1/query_range", url.Values{
		"query": {of.query()}, "start": {seconds(s.clock.from)}, "end": {seconds(s.clock.to)}, "step": {step.String()},
	})
	if err != nil {
		return nil, fmt.Errorf("the query %s: %w", of.query(), err)
	}
	var response struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(body, &response); err != nil {
		return nil, fmt.Errorf("the query %s: %w", of.query(), err)
	}
	var all []series
	for _, r := range response.Data.Result {
		line := series{of.legend(r.Metric), make([]float64, s.clock.steps())}
		for i := range line.values {
			line.values[i] = math.NaN()
		}
		for _, point := range r.Values {
			at, value, err := parsePoint(point)
			if err != nil {
				return nil, fmt.Errorf("the query %s: %w", of.query(), err)
			}
			line.values[int((at-float64(s.clock.from.Unix()))/step.Seconds())] = value
		}
		all = append(all, line)
	}
	return all, nil
}

// parsePoint reads a point of the API of Prometheus: a number and a number as text.
func parsePoint(point [2]any) (at, value float64, err error) {
	at, isNumber := point[0].(float64)
	text, isText := point[1].(string)
	if !isNumber || !isText {
		return 0, 0, fmt.Errorf("not a point: %v", point)
	}
	value, err = strconv.ParseFloat(text, 64)
	return at, value, err
}
