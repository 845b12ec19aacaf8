package codes

import (
	"slices"
	"strings"
)

// Nearest returns the code or family of the catalogue that a text is most
// likely a slip of, "" if none is near or the text is one. A sub-code is compared
// with those of its family, if that is spelled right: products give their own
// codes names that are alike.
func Nearest(text string) string {
	known := All()
	for _, f := range families {
		known = append(known, f.name)
	}
	if slices.Contains(known, text) {
		return ""
	}
	family, rest, sub := strings.Cut(text, ".")
	if !sub || !slices.Contains(Families(), family) {
		return NearestName(text, known, min(3, len(text)/6))
	}
	var subs []string
	for _, code := range known {
		if s, ok := strings.CutPrefix(code, family+"."); ok {
			subs = append(subs, s)
		}
	}
	if near := NearestName(rest, subs, min(2, len(rest)/7)); near != "" {
		return family + "." + near
	}
	return ""
}

// NearestName returns the name that a text is most likely a slip of: the same but for
// the case of letters, or the one with the fewest insertions, deletions,
// substitutions and swaps of neighbours, up to most of them. "" if none is near or
// the text is one. Of several the first goes.
func NearestName(text string, names []string, most int) string {
	best, found := most*slip+1, ""
	for _, name := range names {
		switch {
		case name == text:
			return ""
		case strings.EqualFold(name, text):
			best, found = 0, name
		case len(name)-len(text) > most || len(text)-len(name) > most:
		default:
			if d := distance(text, name); d < best {
				best, found = d, name
			}
		}
	}
	return found
}

// What distance counts for a slip, and for the likeliest one, two neighbours that
// are swapped.
const (
	slip = 2
	swap = 1
)

// distance is the cost of the insertions, deletions, substitutions and swaps of
// neighbours that make b of a (the optimal string alignment), less those of case.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	// The three last rows of the matrix.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j * slip
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = (i + 1) * slip
		for j := range len(b) {
			cost := slip
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+slip, row[j]+slip, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+swap)
			}
		}
	}
	return row[len(b)]
}
