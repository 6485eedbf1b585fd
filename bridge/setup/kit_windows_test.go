package setup_test

import "time"

var began = time.Now()

// busy returns the time since the test began.
func busy() time.Duration { return time.Since(began) }
