//go:build unix

package setup_test

import (
	"syscall"
	"time"
)

// busy returns how long this process has been computing, however much else
// the machine does.
func busy() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
