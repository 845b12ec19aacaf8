// Package replay provides the body of a request for each of its attempts, and closes the
// caller's exactly once.
package replay
