//go:build linux && e2e

package driver

import (
	"context"
	"errors"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
)

// Clicks is how often something was clicked since the program was started.
func (a *App) Clicks() int { return int(a.clicks.Load()) }

// Find lists what matches now and can be seen.
func (a *App) Find(ctx context.Context, m Match) ([]Node, error) {
	dump, err := a.Dump(ctx)
	if err != nil {
		return nil, err
	}
	return dump.Find(m), nil
}

// DoubleClick clicks the one node that matches twice at once, near its beginning.
func (a *App) DoubleClick(ctx context.Context, m Match) error {
	s, err := a.place(ctx, m)
	if err != nil {
		return err
	}
	a.clicks.Add(2)
	return a.desk.Clicks(ctx, s.window, s.left+inText, s.y, 2)
}

// Drag presses the button before the first text, moves behind the last one, and
// lets it go there.
func (a *App) Drag(ctx context.Context, from, to Match) error {
	begin, err := a.place(ctx, from)
	if err != nil {
		return err
	}
	end, err := a.place(ctx, to)
	if err != nil {
		return err
	}
	if begin.window != end.window {
		return errors.New("the texts are in two windows")
	}
	a.clicks.Add(1)
	return a.desk.Drag(ctx, begin.window, begin.left+1, begin.y, end.right+inText, end.y)
}

// inText is how far from the beginning of a text its first word surely is, and
// how far behind its end a drag goes.
const inText = 6

// Wheel turns the wheel over the one node that matches: down for positive
// notches, up for negative ones.
func (a *App) Wheel(ctx context.Context, m Match, notches int) error {
	dump, err := a.Dump(ctx)
	if err != nil {
		return err
	}
	can, why := usable(dump.Find(m))
	if len(can) == 0 {
		return why
	}
	x, y, _ := can[0].center()
	return a.desk.Scroll(ctx, desk.Window(can[0].window.Handle), x, y, notches)
}
