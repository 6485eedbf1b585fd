//go:build linux && e2e

package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A Window is the X server's number of one.
type Window int

// Root is the whole screen.
const Root Window = 0

// inputLimit bounds each use of the mouse or keyboard, typing apart.
const inputLimit = time.Minute

// typingPause is the time between two typed letters.
const typingPause = 8 * time.Millisecond

// ErrNoWindow is returned where no visible window fits.
var ErrNoWindow = errors.New("no such window is visible")

// xdotool runs one chain of its commands and returns what it prints.
func (d *Desktop) xdotool(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, inputLimit)
	defer cancel()
	return d.output(ctx, "xdotool", args...)
}

// output runs a short program on the desktop and returns what it prints.
func (d *Desktop) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = d.Environ()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// Windows are the visible windows of a process that have a title, by title.
// The error wraps ErrNoWindow where there is none.
func (d *Desktop) Windows(ctx context.Context, pid int) (map[string]Window, error) {
	found, err := d.xdotool(ctx, "search", "--onlyvisible", "--all", "--pid", strconv.Itoa(pid), "--name", ".")
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		// This is how it says that it found nothing.
		return nil, fmt.Errorf("process %d: %w (%w)", pid, ErrNoWindow, err)
	}
	if err != nil {
		return nil, err
	}
	windows := map[string]Window{}
	for id := range strings.FieldsSeq(found) {
		number, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("xdotool search printed %q", found)
		}
		title, err := d.xdotool(ctx, "getwindowname", id)
		if err != nil {
			return nil, err
		}
		windows[title] = Window(number)
	}
	return windows, nil
}

// Window waits until a process has a visible window with the title.
func (d *Desktop) Window(ctx context.Context, pid int, title string) (w Window, err error) {
	err = Until(ctx, startLimit, fmt.Sprintf("a window with the title %q", title), func(ctx context.Context) error {
		windows, err := d.Windows(ctx, pid)
		if err != nil {
			return err
		}
		var ok bool
		if w, ok = windows[title]; !ok {
			return fmt.Errorf("%w: there are %v", ErrNoWindow, windows)
		}
		return nil
	})
	return w, err
}

// AnyWindow waits until a process has a visible window, and returns one.
func (d *Desktop) AnyWindow(ctx context.Context, pid int) (w Window, err error) {
	err = Until(ctx, startLimit, "a window", func(ctx context.Context) error {
		windows, err := d.Windows(ctx, pid)
		for _, one := range windows {
			w = one
		}
		return err
	})
	return w, err
}

// Activate asks the window manager to bring a window to the front.
func (d *Desktop) Activate(ctx context.Context, w Window) error {
	_, err := d.xdotool(ctx, "windowactivate", "--sync", strconv.Itoa(int(w)))
	return err
}

// Active is the window that has the keyboard, as the window manager says.
func (d *Desktop) Active(ctx context.Context) (Window, error) {
	id, err := d.xdotool(ctx, "getactivewindow")
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(id)
	return Window(number), err
}

// Move moves the mouse to a point of a window, in pixels from the top left of
// its content.
func (d *Desktop) Move(ctx context.Context, w Window, x, y int) error {
	_, err := d.xdotool(ctx, d.moveTo(w, x, y)...)
	return err
}

func (d *Desktop) moveTo(w Window, x, y int) []string {
	if w == Root {
		return []string{"mousemove", strconv.Itoa(x), strconv.Itoa(y)}
	}
	return []string{"mousemove", "--window", strconv.Itoa(int(w)), strconv.Itoa(x), strconv.Itoa(y)}
}

// Click clicks the first button at a point of a window.
func (d *Desktop) Click(ctx context.Context, w Window, x, y int) error {
	return d.press(ctx, w, x, y, "1")
}

// SecondaryClick clicks the third button, the one that opens menus.
func (d *Desktop) SecondaryClick(ctx context.Context, w Window, x, y int) error {
	return d.press(ctx, w, x, y, "3")
}

func (d *Desktop) press(ctx context.Context, w Window, x, y int, button string) error {
	_, err := d.xdotool(ctx, append(d.moveTo(w, x, y), "click", button)...)
	return err
}

// Clicks clicks the first button several times at once at a point of a window.
func (d *Desktop) Clicks(ctx context.Context, w Window, x, y, times int) error {
	_, err := d.xdotool(ctx, append(d.moveTo(w, x, y), "click", "--repeat", strconv.Itoa(times), "--delay", "60", "1")...)
	return err
}

// Scroll turns the wheel over a point of a window: down for positive notches,
// up for negative ones.
func (d *Desktop) Scroll(ctx context.Context, w Window, x, y, notches int) error {
	button := "5"
	if notches < 0 {
		button, notches = "4", -notches
	}
	_, err := d.xdotool(ctx, append(d.moveTo(w, x, y), "click", "--repeat", strconv.Itoa(notches), "--delay", "15", button)...)
	return err
}

// Drag presses the first button at one point of a window, moves to another in
// steps, and lets it go there.
func (d *Desktop) Drag(ctx context.Context, w Window, fromX, fromY, toX, toY int) error {
	const steps = 10
	chain := append(d.moveTo(w, fromX, fromY), "mousedown", "1")
	for i := 1; i <= steps; i++ {
		chain = append(chain, "sleep", "0.02")
		chain = append(chain, d.moveTo(w, fromX+(toX-fromX)*i/steps, fromY+(toY-fromY)*i/steps)...)
	}
	_, err := d.xdotool(ctx, append(chain, "sleep", "0.02", "mouseup", "1")...)
	return err
}

// Type types text into whatever has the keyboard. A line break is Return.
func (d *Desktop) Type(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, inputLimit+10*typingPause*time.Duration(len(text)))
	defer cancel()
	_, err := d.output(ctx, "xdotool", "type", "--delay", strconv.Itoa(int(typingPause.Milliseconds())), "--", text)
	return err
}

// Press presses keys one after the other, each a name or a chord as xdotool
// knows them: "Return", "ctrl+a", "alt+F4".
func (d *Desktop) Press(ctx context.Context, keys ...string) error {
	_, err := d.xdotool(ctx, append([]string{"key", "--delay", "30", "--"}, keys...)...)
	return err
}
