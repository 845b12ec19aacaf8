// Package bodies reads the beginning of a body, or all of it, and leaves every byte and
// error in its place for the next reader. Buffers are pooled. It imports the standard
// library only.
package bodies
