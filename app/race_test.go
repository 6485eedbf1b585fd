//go:build race

package main

// raceEnabled says that the race detector runs, with which all takes many times
// the memory.
const raceEnabled = true
