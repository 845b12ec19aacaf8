// Package request reads what a request says of itself: its action, host and service, who
// signed it and when, whether it may be retried blindly, and its ClientToken. It does not
// change a request, but for the copy that ForbidResend is given.
package request
