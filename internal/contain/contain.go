// Package contain calls functions of the caller, whose panic must not end the program.
// It imports the standard library only.
package contain

// Result returns what f returns, or the zero value if f panics.
func Result[T any](f func() T) (result T) {
	defer func() {
		if recover() != nil {
			var zero T
			result = zero
		}
	}()
	return f()
}
