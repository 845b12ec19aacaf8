//go:build race

package race

// Enabled says that sync.Pool forgets at random, as it does under -race, so
// that allocations cannot be counted.
const Enabled = true
