// Package label limits the values of a metric's label, so that a metric has a bounded
// number of series whatever values callers and the API choose.
package label
