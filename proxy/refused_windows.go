package proxy

import "syscall"

// errRefused is WSAECONNREFUSED, which package syscall has no name for.
const errRefused = syscall.Errno(10061)
