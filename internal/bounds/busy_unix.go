//go:build unix

package bounds

import (
	"syscall"
	"time"
)

// Busy returns for how long this process has kept processors busy, in all its
// threads together. Unlike a clock's, the difference of two such times does not
// depend on what else the machine does. Any goroutine may call it; a test that
// does must not run beside others of its package.
func Busy() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it knows RUSAGE_SELF
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
