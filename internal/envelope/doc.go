// Package envelope detects whether a response holds an API error, and leaves the
// response as it was. It does not depend on a policy: it reports what the response says.
package envelope
