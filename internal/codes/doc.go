// Package codes is the catalogue of the API's error codes: what the documentation says of
// each, and the keys by which rules name them. It knows no policy and no class of a
// Transport.
package codes
