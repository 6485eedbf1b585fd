//go:build linux && e2e

package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
)

// Options say how to start the program.
type Options struct {
	Program string   // the path of the binary
	Args    []string // none opens the window
	Home    string   // DRAWBRIDGE_HOME
	Env     []string // more of the environment, after the desktop's
	Log     string   // the name of its log on the desktop; "app" by default
	Shots   string   // folder for screenshots
}

// An App is a Drawbridge that runs with its window on a desktop.
type App struct {
	*desk.Program
	desk   *desk.Desktop
	socket string
	shots  string
	clicks atomic.Int64
}

// waitLimit bounds each wait for something on the screen. Nothing that is
// waited for takes a tenth of it on a machine that is not overloaded.
const waitLimit = 90 * time.Second

// errNotThere is in the error of a wait for something that never showed.
var errNotThere = errors.New("it is not there")

// started numbers the dump sockets.
var started atomic.Int64

// Start starts the program and waits until it answers with a window.
func Start(ctx context.Context, d *desk.Desktop, o Options) (*App, error) {
	if o.Log == "" {
		o.Log = "app"
	}
	// The name is short, because the path of a socket may not be long.
	socket := filepath.Join(d.Home(), fmt.Sprintf("dump%d.sock", started.Add(1)))
	cmd := exec.Command(o.Program, o.Args...)
	cmd.Env = append(d.Environ(), "DRAWBRIDGE_HOME="+o.Home, "DRAWBRIDGE_DUMP="+socket)
	cmd.Env = append(cmd.Env, o.Env...)
	program, err := d.Run(o.Log, cmd)
	if err != nil {
		return nil, err
	}
	a := &App{Program: program, desk: d, socket: socket, shots: o.Shots}
	err = a.until(ctx, "the window", func(ctx context.Context, dump Dump) error {
		if len(dump.Windows) == 0 {
			return errNotThere
		}
		_, err := d.Windows(ctx, a.PID())
		return err
	})
	if err != nil {
		return nil, errors.Join(err, program.Stop())
	}
	return a, nil
}

// Dump is what the program shows now.
func (a *App) Dump(ctx context.Context) (Dump, error) { return read(ctx, a.socket) }

// Shot takes a screenshot once the screen is steady; the name is without a
// folder and an ending.
func (a *App) Shot(ctx context.Context, name string) error {
	screen, err := a.desk.Screen()
	if err != nil {
		return err
	}
	if err := errors.Join(screen.Settle(ctx), screen.Close()); err != nil {
		return err
	}
	return a.desk.Screenshot(ctx, filepath.Join(a.shots, name+".png"))
}

// until waits for a condition on dumps. In vain, it takes a screenshot and says
// what is on the screen.
func (a *App) until(ctx context.Context, what string, holds func(context.Context, Dump) error) error {
	var last Dump
	err := desk.Until(ctx, waitLimit, what, func(ctx context.Context) error {
		select {
		case <-a.Ended():
			return fmt.Errorf("the program has ended: %w", a.Program.Wait(ctx))
		default:
		}
		dump, err := a.Dump(ctx)
		if err != nil {
			return err
		}
		last = dump
		return holds(ctx, dump)
	})
	if err == nil {
		return nil
	}
	// The test's own time may be over, and the picture is wanted all the same.
	shot := context.WithoutCancel(ctx)
	return errors.Join(fmt.Errorf("%w. On the screen:\n%s", err, last.Texts()), a.Shot(shot, "failed-"+fileName(what)))
}

// fileName makes a short name of a file from words.
func fileName(words string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, words)
	return strings.Trim(name[:min(len(name), 60)], "-")
}

// Wait waits until something that matches is visible.
func (a *App) Wait(ctx context.Context, m Match) error {
	return a.until(ctx, m.String(), func(_ context.Context, dump Dump) error {
		if len(dump.Find(m)) == 0 {
			return errNotThere
		}
		return nil
	})
}

// WaitGone waits until nothing that matches is visible.
func (a *App) WaitGone(ctx context.Context, m Match) error {
	return a.until(ctx, "the end of "+m.String(), func(_ context.Context, dump Dump) error {
		if found := dump.Find(m); len(found) > 0 {
			return fmt.Errorf("there is %v", found[0])
		}
		return nil
	})
}

// WaitHidden waits until the program has no visible window.
func (a *App) WaitHidden(ctx context.Context) error {
	return desk.Until(ctx, waitLimit, "the window to be hidden", func(ctx context.Context) error {
		windows, err := a.desk.Windows(ctx, a.PID())
		switch {
		case errors.Is(err, desk.ErrNoWindow):
			return nil
		case err != nil:
			return err
		default:
			return fmt.Errorf("there is %v", windows)
		}
	})
}

// WaitShown waits until the program has a visible window with the keyboard.
func (a *App) WaitShown(ctx context.Context) error {
	return desk.Until(ctx, waitLimit, "the window to be shown", func(ctx context.Context) error {
		windows, err := a.desk.Windows(ctx, a.PID())
		if err != nil {
			return err
		}
		active, err := a.desk.Active(ctx)
		if err != nil {
			return err
		}
		for _, w := range windows {
			if w == active {
				return nil
			}
		}
		return fmt.Errorf("window %d has the keyboard, not one of %v", active, windows)
	})
}

// spot is a place on the screen that can be clicked.
type spot struct {
	window      desk.Window
	x, y        int
	left, right int // where what is there begins and ends
}

// place waits for the one node that matches, is not disabled, is not covered,
// and stays where it is from one look to the next.
func (a *App) place(ctx context.Context, m Match) (s spot, err error) {
	var before string
	err = a.until(ctx, m.String(), func(_ context.Context, dump Dump) error {
		can, why := usable(dump.Find(m))
		switch {
		case len(can) == 0:
			before = ""
			return why
		case len(can) > 1 && !m.first && !m.last:
			return fmt.Errorf("there are %d: %v", len(can), can)
		}
		reading := func(a, b Node) int { return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X)) }
		n := slices.MinFunc(can, reading)
		if m.last {
			n = slices.MaxFunc(can, reading)
		}
		if now := n.String(); now != before {
			before = now
			return fmt.Errorf("%v moves", n)
		}
		s = spot{window: desk.Window(n.window.Handle)}
		s.x, s.y, _ = n.center()
		s.left, s.right = int(n.X), int(n.X+n.W)
		if strings.HasSuffix(n.Type, ".Check") {
			s.x = s.left + inBox // beside its words, a click does nothing
		}
		return nil
	})
	return s, err
}

// inBox is how far from the beginning of a check its box surely is.
const inBox = 16

// usable picks the nodes that a click would work on; where there is none, the
// error says what is wrong with the last one.
func usable(found []Node) (can []Node, why error) {
	why = errNotThere
	for _, n := range found {
		_, _, inside := n.center()
		switch {
		case n.Disabled:
			why = fmt.Errorf("%v is disabled", n)
		case !inside:
			why = fmt.Errorf("%v is out of the window", n)
		case !n.reachable():
			why = fmt.Errorf("%v is covered", n)
		default:
			can = append(can, n)
		}
	}
	return can, why
}

// Click clicks the one node that matches.
func (a *App) Click(ctx context.Context, m Match) error {
	s, err := a.place(ctx, m)
	if err != nil {
		return err
	}
	a.clicks.Add(1)
	return a.desk.Click(ctx, s.window, s.x, s.y)
}

// SecondaryClick opens the menu of the one node that matches.
func (a *App) SecondaryClick(ctx context.Context, m Match) error {
	s, err := a.place(ctx, m)
	if err != nil {
		return err
	}
	a.clicks.Add(1)
	return a.desk.SecondaryClick(ctx, s.window, s.x, s.y)
}

// Fill clicks an entry, and types a text in place of what it holds.
func (a *App) Fill(ctx context.Context, m Match, text string) error {
	if err := a.Click(ctx, m); err != nil {
		return err
	}
	if err := a.desk.Press(ctx, "ctrl+a", "BackSpace"); err != nil {
		return err
	}
	return a.desk.Type(ctx, text)
}

// Type types into whatever has the keyboard.
func (a *App) Type(ctx context.Context, text string) error { return a.desk.Type(ctx, text) }

// Press presses keys, as desk.Desktop.Press.
func (a *App) Press(ctx context.Context, keys ...string) error { return a.desk.Press(ctx, keys...) }

// scrollLimit is how many times ScrollTo turns the wheel.
const scrollLimit = 60

// ScrollTo turns the wheel over the largest thing that scrolls, down or up,
// until the one node that matches can be clicked. The mouse is at the right
// edge, where nothing else takes the wheel.
func (a *App) ScrollTo(ctx context.Context, m Match, down bool) error {
	notches := 2
	if !down {
		notches = -notches
	}
	for range scrollLimit {
		dump, err := a.Dump(ctx)
		if err != nil {
			return err
		}
		for _, n := range dump.Find(m) {
			if n.reachable() && n.H >= wholeLine {
				return nil
			}
		}
		over, ok := dump.scroller()
		if !ok {
			break
		}
		if err := a.desk.Scroll(ctx, desk.Window(over.window.Handle), int(over.X+over.W)-scrollEdge, int(over.Y+over.H/2), notches); err != nil {
			return err
		}
	}
	return a.until(ctx, m.String()+" by scrolling", func(context.Context, Dump) error { return errNotThere })
}

const (
	wholeLine  = 24 // pixels that must be in view of what was scrolled to
	scrollEdge = 4  // pixels from the right edge of what scrolls
)
