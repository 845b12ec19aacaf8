//go:build !windows

package proxy

import "syscall"

const errRefused = syscall.ECONNREFUSED
