package label

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Other is what a [Limiter] puts in the place of values it does not keep.
const Other = "other"

const (
	// defaultLabels holds the actions that a program calls, usually a dozen, and
	// leaves a metric with ten series a label value at a thousand.
	defaultLabels = 100
	// maxLabelLen is that of codes and names, which hooks are told at this length
	// at the most.
	maxLabelLen = 128
)

// Limiter bounds the values of a label that callers or the API choose, so that
// a metric has a bounded number of series whatever happens: the first Max
// distinct values are kept, all others are "other". The zero Limiter is ready to
// use. It is safe for use from many goroutines; Max must not be changed after its
// first use, and it must not be copied.
//
// A set never forgets: what a label meant stays as it is for the life of the
// process. Use one for each label.
type Limiter struct {
	// Max is how many distinct values are kept; 0, or less, means 100.
	Max int

	mu     sync.RWMutex
	values map[string]string // guarded by mu; each value by itself
}

// Label returns value if it is one of those the set keeps, and [Other] in its
// place if not: if it came too late, has more than 128 bytes or is not valid
// UTF-8. The empty value, for what a request does not tell, stays as it is and
// does not count. The result is the set's own and may be kept. A value that is
// known costs a read lock and no allocation.
func (s *Limiter) Label(value string) string {
	if value == "" {
		return ""
	}
	s.mu.RLock()
	label, known := s.values[value]
	full := len(s.values) >= s.max()
	s.mu.RUnlock()
	switch {
	case known:
		return label
	case full || len(value) > maxLabelLen || !utf8.ValidString(value):
		return Other
	}
	return s.keep(value)
}

// keep adds a value, unless others have taken the last place since.
func (s *Limiter) keep(value string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if label, known := s.values[value]; known {
		return label
	}
	if len(s.values) >= s.max() {
		return Other
	}
	if s.values == nil {
		s.values = make(map[string]string)
	}
	label := strings.Clone(value)
	s.values[label] = label
	return label
}

// max is Max or its default.
func (s *Limiter) max() int {
	if s.Max > 0 {
		return s.Max
	}
	return defaultLabels
}
