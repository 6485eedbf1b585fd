package mcphost

import "sync/atomic"

// mayShim says that RunShim was called. It is a fact of the program and not of
// a Manager, and is only ever set.
var mayShim atomic.Bool

// RunShim says that this program may be run again as a shim: a small process
// between it and each server that owns all which the server starts, and ends it
// when the server is stopped or this program is killed. Call it first in main,
// and in the TestMain of tests that start servers:
//
//	func main() {
//		mcphost.RunShim()
//		…
//	}
//
// The shim takes its process over before main, so this call returns at once.
// In a program without the call servers run in process groups alone, which a
// descendant can leave and which outlive a program that is killed; a Manager
// logs a warning about that. Windows needs no shim, its jobs do the same.
func RunShim() { mayShim.Store(true) }
