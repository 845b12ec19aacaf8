// Package neterr says what an error of a RoundTripper proves about the request: that it
// was never sent, not processed, or refused for good. net/http has no types for most of
// them.
package neterr
