package main

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// Sizes of the picture, in its own units: pixels when it is shown unscaled.
const (
	width              = 900.0
	leftEdge, plotEnd  = 30.0, 830.0 // of what has a time
	top                = 108.0       // of the first panel
	rowHeight, barSize = 4.2, 3.0
	rows               = burst * rowHeight
	strip              = 92.0 // height of the requests per second
	panel              = 52 + rows + 14 + strip + 34
)

// page is the picture while it is drawn.
type page struct {
	bytes.Buffer
	seconds int // on the axis
	most    int // requests in one second
}

func (p *page) add(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// x is the position of a time.
func (p *page) x(at time.Duration) float64 {
	return leftEdge + at.Seconds()/float64(p.seconds)*(plotEnd-leftEdge)
}

// height is that of a picture of some sides.
func height(sides int) float64 { return top + panel*float64(sides) }

// draw makes the picture, an SVG document.
func draw(sides []*side) []byte {
	p := &page{most: limit}
	for _, s := range sides {
		p.seconds = max(p.seconds, int(math.Ceil(s.end().Seconds())))
		for _, sec := range s.seconds() {
			p.most = max(p.most, sec.accepted+sec.rejected)
		}
	}
	height := height(len(sides))
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img">`, width, height)
	p.add("<title>%d concurrent calls to an API that takes %d requests per second, without and with tcretry</title>", burst, limit)
	p.WriteString(style)
	p.add(`<rect class="page" width="%g" height="%g" rx="6"/>`, width, height)
	p.add(`<text class="title" x="%g" y="34">%d concurrent calls to an API that takes %d requests per second</text>`, leftEdge, burst, limit)
	p.add(`<text x="%g" y="56">Throttled requests count too. One in %d of the accepted ones fails with a transient InternalError.</text>`, leftEdge, failing)
	p.legend(82)
	for i, s := range sides {
		p.panel(s, top+panel*float64(i))
	}
	p.add("</svg>")
	return p.Bytes()
}

// legend explains bars and marks in one line. Widths of words are estimated, on
// the safe side: every machine has other fonts.
func (p *page) legend(y float64) {
	x := leftEdge
	entry := func(wide float64, means, sign string, args ...any) {
		p.add(sign, args...)
		p.add(`<text x="%g" y="%g">%s</text>`, x+wide+7, y+4.5, means)
		x += wide + 7 + 7.8*float64(len(means)) + 20
	}
	for _, bar := range [][2]string{{"good", "call that succeeds"}, {"bad", "call that fails"}} {
		entry(24, bar[1], `<rect class="%s" x="%g" y="%g" width="24" height="%g"/>`, bar[0], x, y-barSize/2, barSize)
	}
	for _, m := range marks {
		entry(5, m.means, `<use href="#%s" x="%g" y="%g"/>`, m.id, x+2.5, y)
	}
}
