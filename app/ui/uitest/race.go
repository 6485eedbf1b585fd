//go:build race

package uitest

// underRace reports whether the race detector watches.
const underRace = true
