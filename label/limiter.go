package label

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Other is the label of all values that a [Limiter] does not keep.
const Other = "other"

const (
	// defaultLabels is enough for the actions that a program calls, usually a dozen, and
	// keeps a metric with ten series per label value at a thousand.
	defaultLabels = 100
	// maxLabelLen is the longest code or name that hooks receive.
	maxLabelLen = 128
)

// Limiter limits the distinct values of a label that callers or the API choose, so that a
// metric has a bounded number of series: the first Max values are kept, all others become
// [Other]. The zero Limiter is ready to use. It is safe for use from many goroutines; Max
// must not be changed after its first use, and it must not be copied.
//
// A value that is kept stays for the life of the process, so a series never changes its
// meaning. Use one Limiter for each label.
type Limiter struct {
	// Max is how many distinct values are kept; 0, or less, means 100.
	Max int

	mu     sync.RWMutex
	values map[string]string // from each value to its copy; guarded by mu
}

// Label returns value if it is kept, otherwise [Other]: if Max other values came first, or if
// value has more than 128 bytes or is not valid UTF-8. The empty value stands for a missing
// one: it is returned unchanged and does not count. The result is a copy that may be stored,
// even if value shares the memory of a request. A value that is kept already costs a read
// lock and no allocation.
func (l *Limiter) Label(value string) string {
	if value == "" {
		return ""
	}
	l.mu.RLock()
	label, kept := l.values[value]
	full := len(l.values) >= l.max()
	l.mu.RUnlock()
	switch {
	case kept:
		return label
	case full || len(value) > maxLabelLen || !utf8.ValidString(value):
		return Other
	}
	return l.keep(value)
}

// keep adds a value, unless Max others were added since.
func (l *Limiter) keep(value string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if label, kept := l.values[value]; kept {
		return label
	}
	if len(l.values) >= l.max() {
		return Other
	}
	if l.values == nil {
		l.values = make(map[string]string)
	}
	label := strings.Clone(value)
	l.values[label] = label
	return label
}

// max is Max or its default.
func (l *Limiter) max() int {
	if l.Max > 0 {
		return l.Max
	}
	return defaultLabels
}
