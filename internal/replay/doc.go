// Package replay gives the body of a request to each of its attempts, and closes the
// caller's exactly once.
package replay
