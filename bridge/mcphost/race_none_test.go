//go:build !race

package mcphost

// raceEnabled says that the race detector runs.
const raceEnabled = false
