// Package codes is the catalogue of the API's error codes: what the documentation says
// about each, and the keys by which the rules of a policy name them. It does not depend
// on the classes and policies of a Transport. All functions are safe for use from many
// goroutines.
package codes
