package main

import "html"

// rowsOfLegend is how many entries a legend shows.
const rowsOfLegend = 5

// legendColumn is the width of a number.
const legendColumn = 62.0

// legend is a table: name, mean, max. Of more entries than fit it shows the first, as
// Grafana does until somebody scrolls.
func (p *page) legend(lines []series, unit string, b box) {
	y := b.y + 8
	p.add(`<text class="number" x="%.0f" y="%.0f">mean</text><text class="number" x="%.0f" y="%.0f">max</text>`, b.x+b.w-legendColumn, y, b.x+b.w, y)
	for i, s := range lines[:min(len(lines), rowsOfLegend)] {
		y += lineHeight
		p.add(`<path class="mark l%d" d="M%.0f %.0fh14"/><text x="%.0f" y="%.0f">%s</text>`, i%colors, b.x, y-4, b.x+20, y, html.EscapeString(shorten(s.name, b.w-24-2*legendColumn)))
		p.add(`<text class="number" x="%.0f" y="%.0f">%s</text><text class="number" x="%.0f" y="%.0f">%s</text>`,
			b.x+b.w-legendColumn, y, format(mean(s.values), unit), b.x+b.w, y, format(most(s.values), unit))
	}
}

// shorten cuts a name that is too long. The width of a letter is estimated, on the safe
// side: every machine has other fonts.
func shorten(name string, width float64) string {
	letters := []rune(name)
	if room := int(width / 6.4); len(letters) > room {
		return string(letters[:room-1]) + "…"
	}
	return name
}
