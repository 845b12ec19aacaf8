// Package envelope finds out whether a response holds an error of the API, without its
// reader noticing. It knows no policy: what it returns is what the response says.
package envelope
