//go:build linux && e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
)

// idleLimit is what the hidden window may use beside hello-world's.
const idleLimit = 1.0

const (
	settle    = 15 * time.Second // after hiding, before the processor is watched
	interval  = 2 * time.Second  // in which it is watched
	intervals = 6                // of them in each launch
	launches  = 6
)

// A hider starts a window, hides it as soon as it is there, and returns the
// program that runs on.
type hider func(ctx context.Context, d *desk.Desktop) (*desk.Program, error)

// welcomed makes a home in which a person has seen the welcome, and what
// closing the window means, so that closing it hides it at once.
func (b *bench) welcomed(ctx context.Context, d *desk.Desktop) (home string, err error) {
	home = filepath.Join(d.Home(), "welcomed")
	app, err := driver.Start(ctx, d, driver.Options{Program: b.app, Home: home, Shots: b.out})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, app.Stop()) }()
	if err := waitForTray(ctx, d); err != nil {
		return "", err
	}
	if err := app.Click(ctx, driver.Text("Skip")); err != nil {
		return "", err
	}
	if err := app.WaitGone(ctx, driver.Text("Skip")); err != nil {
		return "", err
	}
	if err := app.Press(ctx, "alt+F4"); err != nil {
		return "", err
	}
	if err := app.Click(ctx, driver.Text("Close to tray")); err != nil {
		return "", err
	}
	return home, app.WaitHidden(ctx)
}

// waitForTray waits until there is an icon in the tray.
func waitForTray(ctx context.Context, d *desk.Desktop) error {
	return desk.Until(ctx, firstPicture, "the icon in the tray", func(ctx context.Context) error {
		items, err := d.TrayItems(ctx)
		if err == nil && len(items) == 0 {
			err = errors.New("the tray is empty")
		}
		return err
	})
}

// hideOurs closes the window to the tray as a person does.
func (b *bench) hideOurs(ctx context.Context, d *desk.Desktop, home string) (*desk.Program, error) {
	cmd := exec.Command(b.app)
	cmd.Env = append(d.Environ(), "DRAWBRIDGE_HOME="+home)
	p, err := d.Run("app", cmd)
	if err != nil {
		return nil, err
	}
	w, err := d.AnyWindow(ctx, p.PID())
	if err != nil {
		return p, err
	}
	if err := waitForTray(ctx, d); err != nil {
		return p, err
	}
	if err := d.Activate(ctx, w); err != nil {
		return p, err
	}
	return p, d.Press(ctx, "alt+F4")
}

// hideReference has hello-world hide its window, which it does when its input
// ends.
func (b *bench) hideReference(ctx context.Context, d *desk.Desktop) (p *desk.Program, err error) {
	cmd := exec.Command(b.hello, "-hide")
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, write.Close()) }()
	cmd.Stdin = read
	p, err = run(d, hello, cmd)
	if err = errors.Join(err, read.Close()); err != nil {
		return p, err
	}
	_, err = d.AnyWindow(ctx, p.PID())
	return p, err
}

// idle watches the processor time with the window hidden, of ours and of two
// hello-worlds. All three run at the same time, so whatever else the machine
// does is the same for them. They are started anew several times, in a
// different order, since one process uses some more than the next of the same
// program.
func (b *bench) idle(ctx context.Context) (row measure.Row, err error) {
	err = b.onDesktop(ctx, whole, func(d *desk.Desktop) error {
		home, err := b.welcomed(ctx, d)
		if err != nil {
			return err
		}
		ours := func(ctx context.Context, d *desk.Desktop) (*desk.Program, error) { return b.hideOurs(ctx, d, home) }
		hiders := []hider{ours, b.hideReference, b.hideReference}
		used := make([][]float64, len(hiders))
		for launch := range launches {
			if err := idleOnce(ctx, d, hiders, launch, used); err != nil {
				return err
			}
		}
		row = measure.Steady("processor, window hidden", used[0], used[1], used[2], "%", 3, idleLimit,
			fmt.Sprintf("of one core, median of %d times %.0f s in %d launches", launches*intervals, interval.Seconds(), launches))
		return nil
	})
	return row, err
}

// idleOnce starts and hides the windows, the one with the number of the launch
// first, watches the programs, ends them, and adds what they used.
func idleOnce(ctx context.Context, d *desk.Desktop, hiders []hider, launch int, used [][]float64) (err error) {
	hidden := make([]*desk.Program, len(hiders))
	defer func() {
		for _, p := range hidden {
			if p != nil {
				err = errors.Join(err, p.Stop())
			}
		}
	}()
	for i := range hiders {
		which := (launch + i) % len(hiders)
		p, err := hiders[which](ctx, d)
		hidden[which] = p
		if err != nil {
			return err
		}
		if err := desk.Until(ctx, firstPicture, "a hidden window", func(ctx context.Context) error {
			windows, err := d.Windows(ctx, p.PID())
			if errors.Is(err, desk.ErrNoWindow) {
				return nil
			}
			return errors.Join(fmt.Errorf("there is %v", windows), err)
		}); err != nil {
			return err
		}
	}
	// What the starts began is done by then.
	if err := pause(ctx, settle, hidden...); err != nil {
		return err
	}
	shares, err := watch(ctx, hidden)
	if err != nil {
		return err
	}
	for i := range used {
		used[i] = append(used[i], shares[i]...)
	}
	return nil
}

// watch returns, for each program, the share of a core in per cent that it used
// in each interval.
func watch(ctx context.Context, programs []*desk.Program) ([][]float64, error) {
	used := make([][]float64, len(programs))
	before := make([]reading, len(programs))
	for n := range intervals + 1 {
		for i, p := range programs {
			now, err := readProcessor(p.PID())
			if err != nil {
				return nil, err
			}
			if n > 0 {
				used[i] = append(used[i], now.shareSince(before[i]))
			}
			before[i] = now
		}
		if n == intervals {
			break
		}
		if err := pause(ctx, interval, programs...); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// A reading is what the kernel counted for a process at one moment.
type reading struct {
	at      time.Time
	threads map[string]time.Duration // by thread
}

// readProcessor reads what each thread has used so far. It is the scheduler's
// own count, which is finer than that of /proc/PID/stat.
func readProcessor(pid int) (reading, error) {
	r := reading{at: time.Now(), threads: map[string]time.Duration{}}
	folders, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil {
		return r, err
	}
	if len(folders) == 0 {
		return r, fmt.Errorf("process %d has ended", pid)
	}
	for _, folder := range folders {
		text, err := os.ReadFile(filepath.Join(folder, "schedstat"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended meanwhile
		}
		if err != nil {
			return r, err
		}
		var used int64
		if _, err := fmt.Sscan(string(text), &used); err != nil {
			return r, fmt.Errorf("%s: %w", folder, err)
		}
		r.threads[folder] = time.Duration(used)
	}
	return r, nil
}

// shareSince is the share of one core in per cent since an earlier reading. A
// thread that ended in between is not counted, and a new one is from its start.
func (r reading) shareSince(before reading) float64 {
	var used time.Duration
	for thread, now := range r.threads {
		used += now - before.threads[thread]
	}
	return 100 * float64(used) / float64(r.at.Sub(before.at))
}
