//go:build !nowindow && !linux

package main

// dropProgramPages leaves it to the system.
func dropProgramPages() error { return nil }
