// Package race has a constant for whether the race detector is on.
package race
