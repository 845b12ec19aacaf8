// Package neterr classifies errors of an underlying RoundTripper for which net/http has
// no types: whether the request was rejected, never sent, not processed, or refused by a
// proxy. It also removes addresses from the texts of errors. All functions are safe for
// use from many goroutines. Unless they say otherwise, they panic if a method of the
// error does: the caller must contain that.
package neterr
