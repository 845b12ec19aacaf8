package main

import (
	"fmt"
	"time"
)

// panel draws a side: its calls, and below them its requests per second.
func (p *page) panel(s *side, y float64) {
	p.add(`<text class="head" x="%g" y="%g">%s</text>`, leftEdge, y+18, s.title)
	p.add(`<text class="total" x="%g" y="%g">%s</text>`, leftEdge, y+39, s.totals())
	y += 52
	bottom := y + rows + 14 + strip
	for sec := range p.seconds + 1 {
		x := p.x(time.Duration(sec) * time.Second)
		p.add(`<path class="grid" d="M%g %gV%g"/>`, x, y, bottom)
		p.add(`<text class="mid" x="%g" y="%g">%d s</text>`, x, bottom+17, sec)
	}
	p.upright("calls", y+rows/2)
	p.calls(s, y)
	p.upright("requests/s", bottom-strip/2)
	p.strip(s, bottom)
}

// upright writes the name of a vertical axis, around a height.
func (p *page) upright(name string, y float64) {
	p.add(`<text class="mid" transform="translate(%g %g) rotate(-90)">%s</text>`, leftEdge-12, y, name)
}

// calls draws a bar for each call and a mark for each attempt.
func (p *page) calls(s *side, y float64) {
	p.add(`<g class="calls">`)
	for _, c := range s.sorted() {
		y += rowHeight
		class := "good"
		if c.failed {
			class = "bad"
		}
		begin := p.x(start)
		p.add(`<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%g"/>`, class, begin, y-barSize/2, p.x(c.end)-begin, barSize)
		for _, a := range c.attempts {
			p.add(`<use href="#%s" x="%.1f" y="%.1f"/>`, markOf(a.class).id, p.x(a.at), y)
		}
	}
	p.add("</g>")
}

// strip draws the accepted and the throttled requests per second, and the rate limit.
func (p *page) strip(s *side, bottom float64) {
	high := func(n int) float64 { return float64(n) / float64(p.most) * (strip - 16) }
	for i, sec := range s.seconds() {
		if sec == (second{}) {
			continue
		}
		x, end := p.x(time.Duration(i)*time.Second)+3, p.x(time.Duration(i+1)*time.Second)-3
		accepted, all := high(sec.accepted), high(sec.accepted+sec.rejected)
		p.add(`<rect class="good" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, bottom-accepted, end-x, accepted)
		label, above := fmt.Sprint(sec.accepted, " accepted"), max(accepted, high(limit))
		if sec.rejected > 0 {
			p.add(`<rect class="bad" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, x, bottom-all, end-x, all-accepted)
			label, above = fmt.Sprint(sec.rejected, " throttled"), max(all, above)
		}
		p.add(`<text class="mid" x="%.1f" y="%.1f">%s</text>`, (x+end)/2, bottom-above-4, label)
	}
	p.add(`<path class="limit" d="M%g %gH%g"/>`, leftEdge, bottom-high(limit), plotEnd)
	p.add(`<text x="%g" y="%g">limit %d</text>`, plotEnd+7, bottom-high(limit)+4.5, limit)
}
