package main

import (
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/tcretry/tcretry/bench/scene"
)

// The picture of one strategy is a panel: a bar per second, with the throttled attempts on
// top of the accepted ones.
const (
	panelLeft, panelWidth = 46.0, 720.0
	panelTop, panelHeight = 64.0, 76.0
	panelGap              = 46.0
)

// style is legible in light and in dark. Failed attempts differ in pattern as well as in
// colour.
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#1f2328}
.title{font-size:15px;font-weight:600}.name{font-weight:600}.small{fill:#59636e;font-size:11px}
.good{fill:#0969da}.bad{fill:url(#bad)}.badline{stroke:#cf222e;stroke-width:2}.line{stroke:#1f2328;stroke-dasharray:4 3}.axis{stroke:#d1d9e0}.down{fill:#818b98;opacity:.16}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}
.good{fill:#4493f8}.badline{stroke:#f85149}.line{stroke:#f0f6fc}.axis{stroke:#3d444d}.down{opacity:.28}}
</style>
<defs><pattern id="bad" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="badline" d="M0 0V4"/></pattern></defs>
`

// panel is one strategy in a picture.
type panel struct {
	name, figures string
	attempts      []scene.Attempt
}

// picture is a column of panels with the same axes.
type picture struct {
	title, subtitle string
	seconds, most   int
	line            int // the rate limit, or the load
	from, to        int // when the API is down; 0 and 0 if it is not
	panels          []panel
}

func (p picture) x(second float64) float64 { return panelLeft + panelWidth*second/float64(p.seconds) }

func (p picture) svg() string {
	var s strings.Builder
	height := panelTop + float64(len(p.panels))*(panelHeight+panelGap)
	begin(&s, height, p.title, p.subtitle)
	for i, panel := range p.panels {
		p.draw(&s, panel, panelTop+float64(i)*(panelHeight+panelGap)+14)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// begin begins a picture that has a height.
func begin(s *strings.Builder, height float64, title, subtitle string) {
	fmt.Fprintf(s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`+"\n",
		panelLeft+panelWidth+14, height, html.EscapeString(title))
	s.WriteString(style)
	fmt.Fprintf(s, `<text class="title" x="14" y="20">%s</text><text class="small" x="14" y="38">%s</text>`+"\n",
		html.EscapeString(title), html.EscapeString(subtitle))
}

// draw draws one panel whose plot begins at top. A higher bar than most ends there.
func (p picture) draw(s *strings.Builder, of panel, top float64) {
	y := func(n float64) float64 { return top + panelHeight*(1-min(n, float64(p.most))/float64(p.most)) }
	fmt.Fprintf(s, `<text x="%.0f" y="%.1f"><tspan class="name">%s</tspan><tspan class="small" dx="8">%s</tspan></text>`+"\n",
		panelLeft, top-6, html.EscapeString(of.name), html.EscapeString(of.figures))
	if p.to > p.from {
		fmt.Fprintf(s, `<path class="down" d="M%.1f %.1fH%.1fV%.1fH%.1fz"/>`+"\n", p.x(float64(p.from)), top, p.x(float64(p.to)), y(0), p.x(float64(p.from)))
	}
	good, bad := perSecond(of.attempts, p.seconds)
	var below, above strings.Builder
	for i := range good {
		bar := func(to *strings.Builder, low, high int) {
			if high > low {
				fmt.Fprintf(to, "M%.1f %.1fH%.1fV%.1fH%.1fz", p.x(float64(i)+.1), y(float64(low)), p.x(float64(i)+.9), y(float64(high)), p.x(float64(i)+.1))
			}
		}
		bar(&below, 0, good[i])
		bar(&above, good[i], good[i]+bad[i])
	}
	fmt.Fprintf(s, `<path class="good" d="%s"/><path class="bad" d="%s"/>`+"\n", &below, &above)
	fmt.Fprintf(s, `<path class="axis" fill="none" d="M%.1f %.1fH%.1f"/><path class="line" fill="none" d="M%.1f %.1fH%.1f"/>`+"\n",
		panelLeft, y(0), panelLeft+panelWidth, panelLeft, y(float64(p.line)), panelLeft+panelWidth)
	fmt.Fprintf(s, `<g class="small" text-anchor="end"><text class="small" x="%.0f" y="%.1f">%d/s</text><text class="small" x="%.0f" y="%.1f">≥%d/s</text></g>`+"\n",
		panelLeft-5, y(float64(p.line))+4, p.line, panelLeft-5, top+4, p.most)
	for second := 0; second <= p.seconds; second += 20 {
		fmt.Fprintf(s, `<text class="small" text-anchor="middle" x="%.1f" y="%.1f">%d</text>`, p.x(float64(second)), y(0)+14, second)
	}
	s.WriteString("\n")
}

// perSecond counts the attempts of each second, those accepted and the others.
func perSecond(attempts []scene.Attempt, seconds int) (good, bad []int) {
	good, bad = make([]int, seconds), make([]int, seconds)
	for _, a := range attempts {
		switch second := int(a.At / time.Second); {
		case second >= seconds || a.Other:
		case a.Failed:
			bad[second]++
		default:
			good[second]++
		}
	}
	return good, bad
}
