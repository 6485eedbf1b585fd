//go:build nowindow

package main

import (
	"context"
	"fmt"

	"github.com/drawbridge-app/drawbridge/app/control"
)

// runWindow says that this build has no window.
func runWindow(_ context.Context, s *control.Session) int {
	fmt.Fprintln(s.Stderr, "drawbridge: this build has no window; drawbridge help lists what it can do")
	return exitUsage
}
