// Package recent remembers values by key in bounded memory. It imports the standard
// library only.
package recent
