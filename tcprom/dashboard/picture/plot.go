package main

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

func (p *page) axes(g graph, plot box, end, distance float64) {
	for v := 0.0; v <= end*1.001; v += distance {
		y := plot.y + plot.h*(1-v/end)
		p.add(`<path class="grid" d="M%.0f %.1fh%.0f"/><text class="end" x="%.0f" y="%.1f">%s</text>`,
			plot.x, y, plot.w, plot.x-5, y+4, format(v, g.FieldConfig.Defaults.Unit))
	}
	for _, at := range g.clock.times() {
		x := plot.x + plot.w*float64(at.Sub(g.clock.from))/float64(g.clock.to.Sub(g.clock.from))
		p.add(`<path class="grid" d="M%.1f %.0fv%.0f"/><text class="mid" x="%.1f" y="%.0f">%s</text>`,
			x, plot.y, plot.h, x, plot.y+plot.h+15, at.Format("15:04"))
	}
}

// path is the line of values, with gaps where there are none. Of a level part only the
// ends are points.
func (b box) path(values []float64, end float64) string {
	var path bytes.Buffer
	height := func(i int) string {
		if i < 0 || i == len(values) || math.IsNaN(values[i]) {
			return ""
		}
		return short(b.y + b.h*(1-values[i]/end))
	}
	before := ""
	for i := range values {
		y := height(i)
		if y != "" && !(before == y && height(i+1) == y) {
			command := "L"
			if before == "" {
				command = "M"
			}
			fmt.Fprintf(&path, "%s%s %s", command, short(b.x+b.w*float64(i)/float64(len(values)-1)), y)
		}
		before = y
	}
	return path.String()
}

// short writes a position to a tenth of a pixel.
func short(position float64) string {
	return strconv.FormatFloat(math.Round(10*position)/10, 'f', -1, 64)
}
