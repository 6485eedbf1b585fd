//go:build unix

package workbench

import "syscall"

// openFlags keep opening from waiting, and from following a link that was put
// in the file's place.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOFOLLOW
