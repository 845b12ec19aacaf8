package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// header is the first line of the table that is written.
const header = "code\tclass\tleast\tproducts\treason"

// classes are the values of the class column. "=" is a row that only informs:
// the code means what its family means; "transient-idempotent" is transient, and
// retried for idempotent requests only.
var classes = []string{"=", "terminal", "throttled", "busy", "transient", "transient-idempotent"}

// row is one code of the table, less the code.
type row struct{ class, least, products, reason string }

// table is the rows by code.
type table map[string]row

// read adds the rows of a file to t, over those that are there. Empty columns
// leave what is there.
func (t table) read(path string, parse func([]string) (row, error)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		columns := strings.Split(line, "\t")
		code := columns[0]
		if i == 0 && code == "code" {
			continue
		}
		r, err := parse(columns[1:])
		if err == nil && (code == "" || len(code) > 255 || seen[code]) {
			err = fmt.Errorf("code %q is empty, longer than 255 bytes or there twice", code)
		}
		if err == nil {
			r = r.over(t[code])
			err = r.check()
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		seen[code], t[code] = true, r
	}
	return nil
}

func parseSource(columns []string) (row, error) {
	if len(columns) != 2 {
		return row{}, fmt.Errorf("%d columns, want code, class, products", len(columns)+1)
	}
	return row{class: columns[0], products: columns[1]}, nil
}

func parseNote(columns []string) (row, error) {
	if len(columns) != 4 {
		return row{}, fmt.Errorf("%d columns, want code, class, least, products, reason", len(columns)+1)
	}
	return row{columns[0], columns[1], columns[2], columns[3]}, nil
}

// over fills the empty columns of r with those of what is there already.
func (r row) over(there row) row {
	fill := func(column *string, from string) {
		if *column == "" {
			*column = from
		}
	}
	fill(&r.class, there.class)
	fill(&r.least, there.least)
	fill(&r.products, there.products)
	fill(&r.reason, there.reason)
	return r
}

// check refuses what the library could not read, so that it need not look.
func (r row) check() error {
	if !slices.Contains(classes, r.class) {
		return fmt.Errorf("class %q, want one of %s", r.class, strings.Join(classes, " "))
	}
	if r.least == "" {
		return nil
	}
	least, err := time.ParseDuration(r.least)
	if err != nil || least < time.Second || least > time.Hour || least%time.Second != 0 {
		return fmt.Errorf("least wait %q, want whole seconds from 1s to 1h; a longer limit is terminal", r.least)
	}
	return nil
}

// changesSince says, line by line, in what t differs from old.
func (t table) changesSince(old table) []string {
	all := maps.Clone(old)
	maps.Copy(all, t)
	var changes []string
	for _, code := range slices.Sorted(maps.Keys(all)) {
		was, had := old[code]
		is, has := t[code]
		switch {
		case !had:
			changes = append(changes, fmt.Sprintf("+ %s %s", code, is))
		case !has:
			changes = append(changes, fmt.Sprintf("- %s %s", code, was))
		case was != is:
			changes = append(changes, fmt.Sprintf("~ %s %s, was %s", code, is, was))
		}
	}
	return changes
}

// String is one row for people.
func (r row) String() string {
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %q", r.class, r.least, r.products, r.reason)), " ")
}

// String is the table as a file: sorted, one code a line.
func (t table) String() string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for _, code := range slices.Sorted(maps.Keys(t)) {
		r := t[code]
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", code, r.class, r.least, r.products, r.reason)
	}
	return b.String()
}
