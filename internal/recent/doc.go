// Package recent keeps values by key in bounded memory: those of the keys that were used
// most recently. It imports the standard library only.
package recent
