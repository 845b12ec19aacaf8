// Package watch watches one attempt: whether anything of its request may have left, and
// whether it takes too long. The caller brings the storage: a Tracer must not cost an
// allocation of its own.
package watch
