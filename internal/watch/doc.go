// Package watch observes one attempt: whether anything of its request may have been
// sent, and whether it takes too long. The caller allocates a Tracer, as a part of what
// it allocates for an attempt anyway.
package watch
