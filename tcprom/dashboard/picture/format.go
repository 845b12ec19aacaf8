package main

import (
	"math"
	"strconv"
	"time"
)

// format writes a value in one of Grafana's units.
func format(value float64, unit string) string {
	switch {
	case math.IsNaN(value):
		return "–"
	case unit == "reqps":
		return round(value) + " req/s"
	case unit == "percentunit":
		return round(100*value) + "%"
	case unit == "s" && value != 0 && value < 1:
		return round(1000*value) + " ms"
	case unit == "s":
		return round(value) + " s"
	}
	return round(value)
}

// round writes three digits at most.
func round(value float64) string {
	digits := 2 - int(math.Floor(math.Log10(max(math.Abs(value), 1))))
	scale := math.Pow10(max(digits, 0))
	return strconv.FormatFloat(math.Round(value*scale)/scale, 'f', -1, 64)
}

// scale returns the end of an axis from 0 that shows most, and the distance of its lines.
func scale(most float64) (end, distance float64) {
	if !(most > 0) {
		return 1, 0.5
	}
	distance = math.Pow10(int(math.Floor(math.Log10(most))))
	for _, part := range []float64{.2, .25, .5, 1, 2, 2.5} {
		if most <= 4*part*distance {
			distance *= part
			break
		}
	}
	return math.Ceil(most/distance) * distance, distance
}

// mean and most are what the legends show, of the values that there are.
func mean(values []float64) float64 {
	sum, n := 0.0, 0.0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	return sum / n
}

func most(values []float64) float64 {
	most := math.NaN()
	for _, v := range values {
		if !math.IsNaN(v) && !(v <= most) {
			most = v
		}
	}
	return most
}

// last returns the last value that there is.
func last(values []float64) float64 {
	for i := len(values) - 1; i >= 0; i-- {
		if !math.IsNaN(values[i]) {
			return values[i]
		}
	}
	return math.NaN()
}

// times returns the times of an axis that are worth a label.
func (c clock) times() []time.Time {
	const distance = 10 * time.Minute
	var all []time.Time
	for at := c.from.Truncate(distance); !at.After(c.to); at = at.Add(distance) {
		if !at.Before(c.from) {
			all = append(all, at)
		}
	}
	return all
}
