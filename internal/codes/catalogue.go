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

// catalogueText is the built-in catalogue: the codes whose documented meaning differs
// from that of their family, sorted, one per line. Its columns are: the code; the class,
// which is "=" for an entry that only has a reason, and has "-idempotent" appended for a
// code that is retried for idempotent requests only; the least delay after which a retry
// can succeed; the products that document the code; and the reason, for people.
// Source: the errors.go files of the official Go SDK and the pages of common
// error codes, cloud.tencent.com/document/product/213/30435.
//
//go:embed codes.tsv
var catalogueText string

// families are the families that are retried. A family applies to every sub-code without
// an entry. Codes of other families are terminal, except those that have an entry
// themselves. Source: the pages of common error codes.
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

// meaning is the class of a code by its documentation.
type meaning uint8

// The meanings. An unstated entry only has a reason.
const (
	Unstated meaning = iota
	Terminal
	Throttled
	Busy
	Transient
)

// meaningNames are the names of the meanings in the catalogue.
var meaningNames = [...]string{"=", "terminal", "throttled", "busy", "transient"}

// Verdict is what the catalogue says about a code.
type Verdict struct {
	Means meaning
	// LeastDelay is the time before which a retry cannot succeed; 0 is none.
	LeastDelay time.Duration
	// IdempotentOnly reports that the code is retried for idempotent requests only.
	IdempotentOnly bool
	// Size is the length in bytes of the code or family that decided, 0 if the code is
	// unknown. A longer one is more specific.
	Size int
	// ByText reports that the message decided: see textCodes.
	ByText bool
}

// catalogue finds entries in catalogueText. It copies nothing of the text: with 12 bytes
// per entry and 4 KiB of slots it takes about 15 KiB. It is immutable.
type catalogue struct {
	seed maphash.Seed
	// entries are in the order of the text.
	entries []entry
	// slots is a hash table with open addressing: the index of an entry plus one, or 0 for
	// a free slot. Its length is a power of two and at least twice that of entries.
	slots []uint16
	// longest is the length of the longest code. Codes come from the network:
	// what is longer is not looked up.
	longest int
	// slow are the verdicts with a least delay, each once, without a size.
	slow []Verdict
}

// entry is one entry. Its line begins at at; the code is the first size bytes.
type entry struct {
	at    uint32
	size  uint8
	means meaning
	least uint16
	// idempotentOnly is as in Verdict.
	idempotentOnly bool
}

// builtin returns the catalogue of catalogueText, which it makes at the first call, in
// some 80 µs (BenchmarkCatalogue): programs that only import the package do not pay for
// it.
var builtin = sync.OnceValue(func() *catalogue { return newCatalogue(catalogueText) })

// newCatalogue parses a text in the form of catalogueText. Entries are trusted: tests
// check the embedded ones.
func newCatalogue(text string) *catalogue {
	c := &catalogue{seed: maphash.MakeSeed(), entries: make([]entry, 0, strings.Count(text, "\n"))}
	slots := 4
	for slots < 2*cap(c.entries) {
		slots *= 2
	}
	c.slots = make([]uint16, slots)
	at := strings.IndexByte(text, '\n') + 1 // without the header
	for at < len(text) {
		line := text[at:]
		if end := strings.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		c.add(at, line)
		at += len(line) + 1
	}
	return c
}

// add appends the entry of a line that begins at the given index.
func (c *catalogue) add(at int, line string) {
	columns := splitLine(line)
	meaningName, idempotentOnly := strings.CutSuffix(columns.meaning, "-idempotent")
	means := meaning(max(0, slices.Index(meaningNames[:], meaningName)))
	var least time.Duration // most entries have none, and an error takes time to make
	if columns.least != "" {
		least, _ = time.ParseDuration(columns.least)
	}
	c.entries = append(c.entries, entry{
		at:    uint32(at),
		size:  uint8(len(columns.code)),
		means: means,
		least: uint16(least / time.Second),

		idempotentOnly: idempotentOnly,
	})
	c.longest = max(c.longest, len(columns.code))
	if slow := (Verdict{Means: means, LeastDelay: least}); least > 0 && !slices.Contains(c.slow, slow) {
		c.slow = append(c.slow, slow)
	}
	mask := uint64(len(c.slots) - 1)
	slot := maphash.String(c.seed, columns.code) & mask
	for c.slots[slot] != 0 {
		slot = (slot + 1) & mask
	}
	c.slots[slot] = uint16(len(c.entries))
}

// find returns the entry of exactly this code.
func (c *catalogue) find(code string) (entry, bool) {
	if len(code) > c.longest {
		return entry{}, false
	}
	mask := uint64(len(c.slots) - 1)
	for slot := maphash.String(c.seed, code) & mask; c.slots[slot] != 0; slot = (slot + 1) & mask {
		e := c.entries[c.slots[slot]-1]
		if catalogueText[e.at:e.at+uint32(e.size)] == code {
			return e, true
		}
	}
	return entry{}, false
}

// lookup returns the verdict on a code. In the retried families that is the entry of the
// longest dotted prefix, or else the family. In other families an entry applies to
// exactly its code, because an unknown code is terminal.
func (c *catalogue) lookup(code string) Verdict {
	family, means := familyOf(code)
	if family == "" {
		if e, ok := c.find(code); ok && e.means != Unstated {
			return e.verdict()
		}
		return Verdict{Means: Terminal}
	}
	for prefix := Cut(code, c.longest); len(prefix) > len(family); prefix = Parent(prefix) {
		if e, ok := c.find(prefix); ok && e.means != Unstated {
			return e.verdict()
		}
	}
	return Verdict{Means: means, Size: len(family)}
}

func (e entry) verdict() Verdict {
	return Verdict{
		Means: e.means, LeastDelay: time.Duration(e.least) * time.Second,
		IdempotentOnly: e.idempotentOnly, Size: int(e.size),
	}
}

// Cut returns the longest dotted prefix of a code that has at most longest bytes. It
// limits the work for a code of any length.
func Cut(code string, longest int) string {
	if len(code) <= longest {
		return code
	}
	if code[longest] == '.' {
		return code[:longest]
	}
	return Parent(code[:longest])
}

// Parent returns a code without its last label, "" for a code of one label.
func Parent(code string) string {
	return code[:max(0, strings.LastIndexByte(code, '.'))]
}

// columns are the columns of one line of the catalogue.
type columns struct{ code, meaning, least, products, reason string }

func splitLine(line string) columns {
	var c columns
	c.code, line, _ = strings.Cut(line, "\t")
	c.meaning, line, _ = strings.Cut(line, "\t")
	c.least, line, _ = strings.Cut(line, "\t")
	c.products, c.reason, _ = strings.Cut(line, "\t")
	return c
}

// columns returns the columns of an entry.
func (e entry) columns() columns {
	line, _, _ := strings.Cut(catalogueText[e.at:], "\n")
	return splitLine(line)
}

// Lookup returns what the catalogue says about a code.
func Lookup(code string) Verdict { return builtin().lookup(code) }

// Slow returns the verdicts with a least delay, each once, without a size. The caller
// must not modify them.
func Slow() []Verdict { return builtin().slow }

// Entry returns the products that document a code and the reason of its entry. ok is
// false if the code has no entry.
func Entry(code string) (products []string, reason string, ok bool) {
	e, ok := builtin().find(code)
	if !ok {
		return nil, "", false
	}
	c := e.columns()
	if c.products != "" {
		products = strings.Split(c.products, ",")
	}
	return products, c.reason, true
}

// All returns the codes that have an entry, sorted.
func All() []string {
	c := builtin()
	all := make([]string, len(c.entries))
	for i, e := range c.entries {
		all[i] = catalogueText[e.at : e.at+uint32(e.size)]
	}
	return all
}
