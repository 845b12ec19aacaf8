package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
)

// Sizes of the picture, in its own units: pixels when it is shown unscaled. Those of
// Grafana's grid are a cell with the gap after it.
const (
	width      = 1200
	border     = 12
	columnSize = (width - 2*border + gap) / 24.0
	rowSize    = 36.0
	gap        = 8.0
	lineHeight = 16.0
	header     = 40.0 // height of the line above the panels
)

// page is the picture while it is drawn.
type page struct{ bytes.Buffer }

func (p *page) add(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// box is where a panel is.
type box struct{ x, y, w, h float64 }

func (p panel) box() box {
	g := p.GridPos
	return box{border + float64(g.X)*columnSize, header + float64(g.Y)*rowSize, float64(g.W)*columnSize - gap, float64(g.H)*rowSize - gap}
}

// draw makes the picture, an SVG document.
func draw(b board, graphs []graph) []byte {
	p := new(page)
	bottom := 0.0
	for _, g := range graphs {
		bottom = max(bottom, g.box().y+g.box().h)
	}
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" role="img">`, width, bottom+border)
	p.add("<title>The dashboard of tcprom, over half an hour of an example program</title>")
	p.WriteString(style)
	p.add(`<rect class="page" width="%d" height="%.0f" rx="6"/>`, width, bottom+border)
	p.head(b, graphs[0].clock)
	for _, g := range graphs {
		switch g.Type {
		case "row":
			p.row(g)
		case "stat":
			p.stat(g)
		default:
			p.timeseries(g)
		}
	}
	p.add("</svg>")
	return p.Bytes()
}

// head names the dashboard, its variables and the time that is shown.
func (p *page) head(b board, c clock) {
	p.add(`<text x="%d" y="26"><tspan class="row">%s</tspan>`, border+2, html.EscapeString(b.Title))
	for _, v := range b.Templating.List {
		if v.Type == "query" {
			p.add(`<tspan dx="18">%s</tspan> <tspan class="chosen">All</tspan>`, html.EscapeString(v.Label))
		}
	}
	p.add(`</text><text class="end" x="%d" y="26">%s to %s</text>`, width-border, c.from.Format("15:04"), c.to.Format("15:04"))
}

func (p *page) row(g graph) {
	b := g.box()
	p.add(`<text class="row" x="%.0f" y="%.0f">%s</text>`, b.x+2, b.y+20, html.EscapeString(g.Title))
}

// frame draws the panel without its content.
func (p *page) frame(g graph) box {
	b := g.box()
	p.add(`<rect class="panel" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="3"/>`, b.x, b.y, b.w, b.h)
	p.add(`<text class="title" x="%.0f" y="%.0f">%s</text>`, b.x+10, b.y+20, html.EscapeString(g.Title))
	return b
}

// stat draws the last value, and an area of all.
func (p *page) stat(g graph) {
	b := p.frame(g)
	for _, s := range g.lines() {
		end, _ := scale(most(s.values))
		plot := box{b.x + 1, b.y + b.h - 48, b.w - 2, 47}
		path := plot.path(s.values, end)
		p.add(`<path class="area" d="%sV%.0fH%.0fz"/>`, path, plot.y+plot.h, plot.x)
		p.add(`<path class="l0" d="%s"/>`, path)
		p.add(`<text class="value" x="%.0f" y="%.0f">%s</text>`, b.x+b.w/2, b.y+68, format(last(s.values), g.FieldConfig.Defaults.Unit))
	}
}

// timeseries draws a line per series over axes, and a legend with means and maxima.
func (p *page) timeseries(g graph) {
	b := p.frame(g)
	highest := math.NaN()
	lines := g.lines()
	for _, s := range lines {
		highest = most([]float64{highest, most(s.values)})
	}
	end, distance := scale(highest)
	legend := lineHeight * float64(1+rowsOfLegend)
	plot := box{b.x + 64, b.y + 34, b.w - 84, b.h - 34 - 26 - legend}
	p.axes(g, plot, end, distance)
	for i, s := range slices.Backward(lines) { // the first one on top
		p.add(`<path class="l%d" d="%s"/>`, i%colors, plot.path(s.values, end))
	}
	p.legend(lines, g.FieldConfig.Defaults.Unit, box{b.x + 10, plot.y + plot.h + 28, b.w - 20, legend})
}
