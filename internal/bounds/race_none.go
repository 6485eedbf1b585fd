//go:build !race

package bounds

// Race reports whether the race detector watches.
const Race = false
