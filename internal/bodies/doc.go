// Package bodies reads a body in part and leaves every byte and error at its place for
// whoever reads it next. Its buffers are used in turn. It imports the standard library
// only.
package bodies
