package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// The plot of a chart is as wide as a panel. Above it are the names of the curves, in two
// columns.
const (
	chartHeight = 300.0
	nameHeight  = 22.0
)

// In chartStyle the curves differ in their dashes as well as in colour.
const chartStyle = `<style>
.curve{fill:none;stroke-linejoin:round}
.c0{stroke:#59636e;stroke-width:2;stroke-dasharray:2 3}.c1{stroke:#0969da;stroke-width:3.5}
.c2{stroke:#9a6700;stroke-width:2;stroke-dasharray:12 3 2 3}.c3{stroke:#cf222e;stroke-width:2.5;stroke-dasharray:7 4}
@media(prefers-color-scheme:dark){.c0{stroke:#9198a1}.c1{stroke:#4493f8}.c2{stroke:#d29922}.c3{stroke:#f85149}}
</style>
`

// curve is how many calls have succeeded over time.
type curve struct {
	name, figures string
	at            []time.Duration // when each succeeded, in order
}

// chart is up to four curves with the same axes.
type chart struct {
	title, subtitle string
	from, to        int // seconds
	calls           int
	burst           string // what happens before 0
	curves          []curve
}

func (c chart) x(at time.Duration) float64 {
	return panelLeft + panelWidth*(at.Seconds()-float64(c.from))/float64(c.to-c.from)
}

func (c chart) y(calls int) float64 {
	return c.top() + chartHeight*(1-float64(calls)/float64(c.calls))
}

// top is where the plot begins, below the names.
func (c chart) top() float64 { return panelTop + nameHeight*float64((len(c.curves)+1)/2) }

func (c chart) svg() string {
	var s strings.Builder
	begin(&s, c.y(0)+42, c.title, c.subtitle)
	s.WriteString(chartStyle)
	c.drawAxes(&s)
	for i, of := range slices.Backward(c.curves) {
		fmt.Fprintf(&s, `<path class="curve c%d" d="%s"/>`+"\n", i, c.path(of.at))
	}
	const sample = 34.0
	for i, of := range c.curves {
		x, y := panelLeft+panelWidth/2*float64(i%2), panelTop+nameHeight*float64(i/2)
		fmt.Fprintf(&s, `<path class="curve c%d" d="M%.1f %.1fh%.0f"/><text x="%.1f" y="%.1f"><tspan class="name">%s</tspan><tspan class="small" dx="8">%s</tspan></text>`+"\n",
			i, x, y-4, sample, x+sample+8, y, html.EscapeString(of.name), html.EscapeString(of.figures))
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// path is a step for each call.
func (c chart) path(at []time.Duration) string {
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", c.x(0), c.y(0))
	for i, t := range at {
		fmt.Fprintf(&d, "H%.1fV%.1f", c.x(t), c.y(i+1))
	}
	return d.String()
}

func (c chart) drawAxes(s *strings.Builder) {
	left, right, bottom := panelLeft, panelLeft+panelWidth, c.y(0)
	fmt.Fprintf(s, `<path class="down" d="M%.1f %.1fH%.1fV%.1fH%.1fz"/>`+"\n", left, c.y(c.calls), c.x(0), bottom, left)
	fmt.Fprintf(s, `<text class="small" transform="translate(%.1f %.1f) rotate(-90)">%s</text>`+"\n", (left+c.x(0))/2+4, bottom-8, html.EscapeString(c.burst))
	for _, calls := range []int{0, c.calls} {
		fmt.Fprintf(s, `<path class="axis" fill="none" d="M%.1f %.1fH%.1f"/><text class="small" text-anchor="end" x="%.1f" y="%.1f">%d</text>`+"\n",
			left, c.y(calls), right, left-6, c.y(calls)+4, calls)
	}
	for second := 0; second <= c.to; second += 2 {
		fmt.Fprintf(s, `<text class="small" text-anchor="middle" x="%.1f" y="%.1f">%d</text>`, c.x(time.Duration(second)*time.Second), bottom+16, second)
	}
	fmt.Fprintf(s, "\n"+`<text class="small" text-anchor="end" x="%.1f" y="%.1f">seconds since the first call</text>`+"\n", right, bottom+32)
}
