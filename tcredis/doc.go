// Package tcredis paces the calls of a fleet together: processes that share an
// account book their attempts in Redis, so that they keep its quota as if they
// were one.
package tcredis
