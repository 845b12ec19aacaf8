package codes

import (
	_ "embed"
	"strings"
	"sync"
)

// documentedText lists the services of the API and the first labels of its error codes,
// sorted, one per line: the kind and the name. Not every code has an entry in the
// catalogue, but each begins with one of these labels.
// Source: the packages of the official Go SDK v1.3.166 and their errors.go files,
// and the pages of common error codes.
//
//go:embed documented.tsv
var documentedText string

// documented returns the lists of documentedText. It parses them at the first call.
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

// Families returns the first labels of all documented codes, sorted. The caller must not
// modify them.
func Families() []string { return documented().families }

// Services returns the names of all services, sorted. The caller must not modify them.
func Services() []string { return documented().services }
