//go:build !linux && !darwin

package sandbox

import (
	"context"
	"fmt"
)

func (f Finder) find(context.Context) Found {
	return none("On this system Drawbridge knows none.")
}

// System are the files and folders of the system that every program may read.
func System() []string { return nil }

func (f Found) wrap(Command, Access) (Started, error) {
	return Started{}, fmt.Errorf("%w: %s", ErrNone, f.Why)
}
