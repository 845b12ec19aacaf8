// Package request reads from a request its action, host and service, who signed it and
// when, whether it is idempotent, and its ClientToken. It changes no request, except the
// copy that ForbidResend is called with. All functions are safe for use from many
// goroutines, on different requests.
package request
