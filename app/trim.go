//go:build !nowindow

package main

import (
	"log/slog"
	"runtime/debug"
	"time"
)

// trimAfter is when the window has been drawn and most servers have started.
const trimAfter = 10 * time.Second

// startGarbage is how much the heap may grow until then before it is collected,
// in per cent. What the start makes is nearly all kept, so collecting early finds
// little and holds up the first frame.
const startGarbage = 400

// trimAfterStart lets the start make garbage, and later gives back, once, what
// only the start needed: that garbage, and the pages of the program itself that
// are in memory because each package's init ran through them. They are a third
// of the whole. A page that is needed after all comes back from the file at its
// next use.
func trimAfterStart(logger *slog.Logger) *time.Timer {
	usual := debug.SetGCPercent(startGarbage)
	return time.AfterFunc(trimAfter, func() {
		debug.SetGCPercent(usual)
		debug.FreeOSMemory()
		if err := dropProgramPages(); err != nil {
			logger.Warn("memory that only the start needed is kept", "error", err)
		}
	})
}
