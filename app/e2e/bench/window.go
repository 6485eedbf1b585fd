//go:build linux && e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
)

// What the window may cost beside hello-world.
const (
	startLimit  = 1.3
	memoryLimit = 1.3
)

const (
	firstPicture = 30 * time.Second // at most, for the first painted window
	loaded       = 30 * time.Second // after the start, when memory is read
	rounds       = 3                // of memory; the median counts
)

// A program starts one of the two windows with an empty home.
type program func(d *desk.Desktop) (*desk.Program, error)

func (b *bench) ours(d *desk.Desktop) (*desk.Program, error) {
	return run(d, "app", exec.Command(b.app))
}

func (b *bench) reference(d *desk.Desktop) (*desk.Program, error) {
	return run(d, hello, exec.Command(b.hello))
}

// hello is the name of the reference. It is not ours to mend, so it need not end
// when it is told to.
const hello = "hello"

// run starts a program with an empty home.
func run(d *desk.Desktop, name string, cmd *exec.Cmd) (*desk.Program, error) {
	home, err := os.MkdirTemp(d.Home(), "home-")
	if err != nil {
		return nil, err
	}
	cmd.Env = append(d.Environ(), "DRAWBRIDGE_HOME="+home)
	if name == hello {
		return d.RunForeign(name, cmd)
	}
	return d.Run(name, cmd)
}

// onDesktop brings a desktop up for the length of a function.
func (b *bench) onDesktop(ctx context.Context, o desk.Options, f func(*desk.Desktop) error) (err error) {
	o.Logs = b.out
	d, err := desk.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return f(d)
}

// coldStart measures from the start of the process to the first picture on the
// screen. There is no window manager and no panel, which would paint too.
func (b *bench) coldStart(ctx context.Context) (row measure.Row, err error) {
	err = b.onDesktop(ctx, desk.Options{Keychain: true}, func(d *desk.Desktop) error {
		screen, err := d.Screen()
		if err != nil {
			return err
		}
		defer screen.Close()
		empty := screen.Copy()
		sample := func(start program) measure.Sample {
			return func(ctx context.Context) (time.Duration, error) {
				began := time.Now()
				p, err := start(d)
				if err != nil {
					return 0, err
				}
				painted, err := screen.WaitPainted(ctx, firstPicture, empty)
				if err != nil {
					return 0, errors.Join(err, p.Stop())
				}
				if err := p.Stop(); err != nil {
					return 0, err
				}
				return painted.Sub(began), desk.Until(ctx, firstPicture, "an empty screen", func(context.Context) error {
					// The pointer may look different than before the first window came.
					if screen.Painted(empty) {
						return errors.New("something is left on it")
					}
					return nil
				})
			}
		}
		// The first start of each reads the program from the disk, which is not
		// what differs between them.
		for _, start := range []program{b.ours, b.reference} {
			if _, err := sample(start)(ctx); err != nil {
				return err
			}
		}
		latency, err := measure.Compare(ctx, b.pairs, sample(b.ours), sample(b.reference))
		row = latency.Row("cold start to the first painted window", startLimit)
		return err
	})
	return row, err
}

// whole is a desktop as a person has it.
var whole = desk.Options{WindowManager: true, Keychain: true, Tray: true}

// alternate runs ours and the reference in turn, and returns the medians of
// what they give.
func alternate(ctx context.Context, ours, reference func(context.Context) (float64, error)) (o, r float64, err error) {
	var got [2][]float64
	for range rounds {
		for i, f := range []func(context.Context) (float64, error){ours, reference} {
			value, err := f(ctx)
			if err != nil {
				return 0, 0, err
			}
			got[i] = append(got[i], value)
		}
	}
	return measure.Median(got[0]), measure.Median(got[1]), nil
}

// memory reads the proportional memory half a minute after the start. Each
// program runs alone, so neither gets a share of its libraries from the other.
func (b *bench) memory(ctx context.Context) (row measure.Row, err error) {
	err = b.onDesktop(ctx, whole, func(d *desk.Desktop) error {
		sample := func(start program) func(context.Context) (float64, error) {
			return func(ctx context.Context) (float64, error) {
				p, err := start(d)
				if err != nil {
					return 0, err
				}
				if _, err := d.AnyWindow(ctx, p.PID()); err != nil {
					return 0, errors.Join(err, p.Stop())
				}
				if err := pause(ctx, loaded, p); err != nil {
					return 0, errors.Join(err, p.Stop())
				}
				bytes, err := pss(p.PID())
				return bytes / (1 << 20), errors.Join(err, p.Stop())
			}
		}
		o, r, err := alternate(ctx, sample(b.ours), sample(b.reference))
		row = measure.Quantity("proportional memory, empty home", o, r, "MiB", 1, memoryLimit,
			fmt.Sprintf("PSS %.0f s after the start, median of %d", loaded.Seconds(), rounds))
		return err
	})
	return row, err
}

// pause waits while programs run, and fails when one ends.
func pause(ctx context.Context, d time.Duration, programs ...*desk.Program) error {
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for _, p := range programs {
		select {
		case <-p.Ended():
			return errors.New("a program has ended; see its log")
		default:
		}
	}
	return nil
}

// pss is the proportional set size of a process in bytes: its own memory, and
// of what it shares its share.
func pss(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "Pss: %f kB", &kB); n == 1 {
			return kB * 1024, nil
		}
	}
	return 0, fmt.Errorf("there is no Pss of process %d", pid)
}
