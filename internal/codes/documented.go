package codes

import (
	_ "embed"
	"strings"
	"sync"
)

// documentedText lists the services of the API and the first parts of its error
// codes, one a line, sorted: the kind and the name. Not every code has an entry in
// the catalogue, but each begins with one of these.
// Source: the packages of the official Go SDK v1.3.166 and their errors.go files,
// and the pages of common error codes.
//
//go:embed documented.tsv
var documentedText string

// documented are the lists of documentedText. They are made on first use.
var documented = sync.OnceValue(func() (lists struct{ families, services []string }) {
	for line := range strings.Lines(documentedText) {
		kind, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		switch kind {
		case "family":
			lists.families = append(lists.families, name)
		case "service":
			lists.services = append(lists.services, name)
		}
	}
	return lists
})

// Families returns the first parts of all documented codes, sorted.
func Families() []string { return documented().families }

// Services returns the names of all services, sorted.
func Services() []string { return documented().services }
