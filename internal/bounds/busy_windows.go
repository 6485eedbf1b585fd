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
	process, err := syscall.GetCurrentProcess()
	if err != nil {
		panic(err) // it is a constant
	}
	var created, ended, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(process, &created, &ended, &kernel, &user); err != nil {
		panic(err) // a process may always look at itself
	}
	ticks := func(f syscall.Filetime) int64 { return int64(f.HighDateTime)<<32 | int64(f.LowDateTime) }
	return time.Duration(ticks(kernel)+ticks(user)) * 100 // a tick is 100 ns
}
