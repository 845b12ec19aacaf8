package codes

import (
	_ "embed"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:generate env GOWORK=off go -C ../../tools run ./codes

// codesText is the built-in table: the codes whose documented meaning differs
// from that of their family, sorted, one a line. Its columns are the code, the
// class ("=" for a row that only carries a reason, with "-idempotent" behind it for
// one that is retried for idempotent requests only), the least wait before the
// code can pass, the products that document it, and the reason for people.
// Source: the errors.go files of the official Go SDK and the pages of common
// error codes, cloud.tencent.com/document/product/213/30435.
//
//go:embed codes.tsv
var codesText string

// families are the families that are retried. They speak for every sub-code
// that the table has no row for; codes of other families are terminal unless
// the table has the very code. Source: the pages of common error codes.
var families = [...]struct {
	name    string
	meaning meaning
}{
	{"RequestLimitExceeded", Throttled}, // rejected in the API layer, before execution
	{"InternalError", Transient},        // documented as temporary
	{"ResourceInUse", Busy},             // mostly an operation in progress
}

// Family returns the retried family that a code belongs to, "" for none.
func Family(code string) string {
	name, _ := familyOf(code)
	return name
}

// familyOf returns the retried family that a code belongs to and its meaning, or
// "" and terminal.
func familyOf(code string) (string, meaning) {
	code, _, _ = strings.Cut(code, ".")
	for i := range families {
		if families[i].name == code {
			return code, families[i].meaning
		}
	}
	return "", Terminal
}

// meaning is what the documentation says of a code.
type meaning uint8

// The meanings. The row of an unstated one only carries a reason.
const (
	Unstated meaning = iota
	Terminal
	Throttled
	Busy
	Transient
)

// meaningNames are the names of the meanings in the catalogue.
var meaningNames = [...]string{"=", "terminal", "throttled", "busy", "transient"}

// Verdict is what the catalogue says of a code.
type Verdict struct {
	Means meaning
	// LeastDelay is the time below which a retry cannot succeed; 0 is none.
	LeastDelay time.Duration
	// IdempotentOnly reports that the code is retried for idempotent requests only.
	IdempotentOnly bool
	// Size is the length of the code or family that decided, 0 if the code is
	// unknown. The longer, the more specific.
	Size int
	// ByText reports that the text of the message decided: see textCodes.
	ByText bool
}

// codeTable finds rows of codesText. It copies nothing of the text: at 12 bytes a
// row and 4 KiB of slots it takes about 15 KiB. Immutable.
type codeTable struct {
	seed maphash.Seed
	// rows are in the order of the text.
	rows []codeRow
	// slots is a hash table with open addressing: row numbers plus one, 0 is
	// free. Its length is a power of two and at least twice that of rows.
	slots []uint16
	// longest is the length of the longest code. Codes come from the network:
	// what is longer is not looked up.
	longest int
	// slow is what the rows with a least wait say, each once, without a size.
	slow []Verdict
}

// codeRow is one row. Its line begins at at; the code is the first size bytes.
type codeRow struct {
	at    uint32
	size  uint8
	means meaning
	least uint16
	// idempotentOnly is that of the verdict.
	idempotentOnly bool
}

// codes returns the table of codesText, made on first use: programs that only
// import the package do not pay for it. BenchmarkCodeTable tells the cost, some
// 80 µs once a process.
var table = sync.OnceValue(func() *codeTable { return newCodeTable(codesText) })

// newCodeTable reads a text in the form of codesText. Rows are trusted: tests
// check the embedded ones.
func newCodeTable(text string) *codeTable {
	t := &codeTable{seed: maphash.MakeSeed(), rows: make([]codeRow, 0, strings.Count(text, "\n"))}
	slots := 4
	for slots < 2*cap(t.rows) {
		slots *= 2
	}
	t.slots = make([]uint16, slots)
	at := strings.IndexByte(text, '\n') + 1 // less the header
	for at < len(text) {
		line := text[at:]
		if end := strings.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		t.add(at, line)
		at += len(line) + 1
	}
	return t
}

// add appends the row of a line that begins at the given place.
func (t *codeTable) add(at int, line string) {
	columns := splitLine(line)
	meaningName, idempotentOnly := strings.CutSuffix(columns.meaning, "-idempotent")
	means := meaning(max(0, slices.Index(meaningNames[:], meaningName)))
	var least time.Duration // most rows have none, and an error takes time to make
	if columns.least != "" {
		least, _ = time.ParseDuration(columns.least)
	}
	t.rows = append(t.rows, codeRow{
		at:    uint32(at),
		size:  uint8(len(columns.code)),
		means: means,
		least: uint16(least / time.Second),

		idempotentOnly: idempotentOnly,
	})
	t.longest = max(t.longest, len(columns.code))
	if slow := (Verdict{Means: means, LeastDelay: least}); least > 0 && !slices.Contains(t.slow, slow) {
		t.slow = append(t.slow, slow)
	}
	mask := uint64(len(t.slots) - 1)
	slot := maphash.String(t.seed, columns.code) & mask
	for t.slots[slot] != 0 {
		slot = (slot + 1) & mask
	}
	t.slots[slot] = uint16(len(t.rows))
}

// find returns the row of the very code.
func (t *codeTable) find(code string) (codeRow, bool) {
	if len(code) > t.longest {
		return codeRow{}, false
	}
	mask := uint64(len(t.slots) - 1)
	for slot := maphash.String(t.seed, code) & mask; t.slots[slot] != 0; slot = (slot + 1) & mask {
		row := t.rows[t.slots[slot]-1]
		if codesText[row.at:row.at+uint32(row.size)] == code {
			return row, true
		}
	}
	return codeRow{}, false
}

// lookup returns what the table says of a code. Inside the retried families it
// is the row of the longest dotted prefix, else the family; elsewhere a row
// speaks for the very code only, because what is not known is terminal.
func (t *codeTable) lookup(code string) Verdict {
	family, means := familyOf(code)
	if family == "" {
		if row, ok := t.find(code); ok && row.means != Unstated {
			return row.verdict()
		}
		return Verdict{Means: Terminal}
	}
	for prefix := Cut(code, t.longest); len(prefix) > len(family); prefix = Parent(prefix) {
		if row, ok := t.find(prefix); ok && row.means != Unstated {
			return row.verdict()
		}
	}
	return Verdict{Means: means, Size: len(family)}
}

func (r codeRow) verdict() Verdict {
	return Verdict{
		Means: r.means, LeastDelay: time.Duration(r.least) * time.Second,
		IdempotentOnly: r.idempotentOnly, Size: int(r.size),
	}
}

// Cut returns the longest dotted prefix of a code that has at most longest
// bytes. It bounds the work on a code of any length.
func Cut(code string, longest int) string {
	if len(code) <= longest {
		return code
	}
	if code[longest] == '.' {
		return code[:longest]
	}
	return Parent(code[:longest])
}

// Parent returns a code less its last label, "" for a code of one.
func Parent(code string) string {
	return code[:max(0, strings.LastIndexByte(code, '.'))]
}

// columns is one line of the table, apart.
type columns struct{ code, meaning, least, products, reason string }

func splitLine(line string) columns {
	var c columns
	c.code, line, _ = strings.Cut(line, "\t")
	c.meaning, line, _ = strings.Cut(line, "\t")
	c.least, line, _ = strings.Cut(line, "\t")
	c.products, c.reason, _ = strings.Cut(line, "\t")
	return c
}

// columns returns the columns of a row.
func (r codeRow) columns() columns {
	line, _, _ := strings.Cut(codesText[r.at:], "\n")
	return splitLine(line)
}

// Lookup returns what the catalogue says of a code.
func Lookup(code string) Verdict { return table().lookup(code) }

// Slow returns the verdicts with a least delay, each once, without a size.
func Slow() []Verdict { return table().slow }

// Entry returns the products that document a code and the reason of its row, and
// whether it has one.
func Entry(code string) (products []string, reason string, ok bool) {
	row, ok := table().find(code)
	if !ok {
		return nil, "", false
	}
	c := row.columns()
	if c.products != "" {
		products = strings.Split(c.products, ",")
	}
	return products, c.reason, true
}

// All returns the codes that have a row, sorted.
func All() []string {
	t := table()
	all := make([]string, len(t.rows))
	for i, row := range t.rows {
		all[i] = codesText[row.at : row.at+uint32(row.size)]
	}
	return all
}
