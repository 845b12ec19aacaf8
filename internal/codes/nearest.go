package codes

import (
	"slices"
	"strings"
)

// Nearest returns the code or family of the catalogue of which text is most likely a
// misspelling, "" if none is near or text is one itself. A sub-code is compared with
// those of its family if the family is spelled correctly, because the codes of different
// products have similar names.
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

// NearestName returns the name of which text is most likely a misspelling: the name that
// differs by the case of letters only, or else the one with the fewest insertions,
// deletions, substitutions and swaps of neighbours, at most most of them. Of several it
// returns the first. It returns "" if none is near or text is a name itself.
func NearestName(text string, names []string, most int) string {
	best, found := most*edit+1, ""
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

// The costs in distance: of an edit, and of the most likely one, the swap of two
// neighbours.
const (
	edit = 2
	swap = 1
)

// distance returns the cost of the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (the optimal string alignment), without regard to case.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	// The three last rows of the matrix.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j * edit
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = (i + 1) * edit
		for j := range len(b) {
			cost := edit
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+edit, row[j]+edit, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+swap)
			}
		}
	}
	return row[len(b)]
}
