//go:build linux && e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/store"
)

// streamLimit is what the window may use while an answer comes, beside a bare
// window with one label.
const streamLimit = 1.75

const (
	streamRate  = 500              // tokens a second
	streamFor   = 60 * time.Second // that are watched
	streamLead  = 3 * time.Second  // of the answer, before they are
	leastShown  = 20.0             // updates a second
	labelLength = 200              // characters of the bare window's label
)

// errShown is returned where the window showed too few updates to be compared.
var errShown = errors.New("the window is not updated often enough")

// stream has an answer of 500 tokens a second come in the real window for a
// minute, and compares the processor time of the program with that of a bare
// window of the same size which sets one label as often as ours was seen to
// change. Both are watched by the same means: the pixels of the X server say how
// often something new was shown, and the kernel what was used for it.
func (b *bench) stream(ctx context.Context) (row measure.Row, err error) {
	model, err := newStreamer()
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	err = b.onDesktop(ctx, desk.Options{WindowManager: true, Keychain: true}, func(d *desk.Desktop) error {
		ours, w, h, err := b.streamOurs(ctx, d, model)
		if err != nil {
			return err
		}
		if ours.rate < leastShown {
			return fmt.Errorf("%.1f updates a second, and %.0f are asked for: %w", ours.rate, leastShown, errShown)
		}
		bare, err := b.streamLabel(ctx, d, w, h, ours.rate)
		if err != nil {
			return err
		}
		row = measure.Quantity("processor while 500 tokens a second come", ours.share, bare.share, "%", 1, streamLimit,
			fmt.Sprintf("of one core over %.0f s; %.1f updates a second on the screen, the label %.1f", streamFor.Seconds(), ours.rate, bare.rate))
		return nil
	})
	return row, err
}

// streamed is what was seen of a window.
type streamed struct {
	share float64 // of one core, in per cent
	rate  float64 // new pictures a second
}

// streamOurs starts the program in a home of its own, sends one message, and
// watches while the answer comes. It returns the size of the window.
func (b *bench) streamOurs(ctx context.Context, d *desk.Desktop, model *streamer) (s streamed, w, h int, err error) {
	home := filepath.Join(d.Home(), "streaming")
	if err := streamingHome(home, model.URL()); err != nil {
		return s, 0, 0, err
	}
	app, err := driver.Start(ctx, d, driver.Options{Program: b.app, Home: home, Shots: b.out})
	if err != nil {
		return s, 0, 0, err
	}
	defer func() { err = errors.Join(err, app.Stop()) }()
	if err := app.Fill(ctx, driver.Text("Message").Kind("input"), streamAsked); err != nil {
		return s, 0, 0, err
	}
	if err := app.Press(ctx, "Return"); err != nil {
		return s, 0, 0, err
	}
	if err := app.Wait(ctx, driver.Contains("Section 1")); err != nil {
		return s, 0, 0, err
	}
	dump, err := app.Dump(ctx)
	if err != nil {
		return s, 0, 0, err
	}
	w, h = int(dump.Windows[0].W), int(dump.Windows[0].H)
	if err := pause(ctx, streamLead, app.Program); err != nil {
		return s, 0, 0, err
	}
	before := model.sent.Load()
	if s, err = watchStream(ctx, d, app.Program); err != nil {
		return s, 0, 0, err
	}
	if got := float64(model.sent.Load()-before) / streamFor.Seconds(); got < 0.98*streamRate {
		return s, 0, 0, fmt.Errorf("only %.0f tokens a second were taken", got)
	}
	return s, w, h, app.Shot(ctx, "stream")
}

// streamLabel watches a bare window of that size whose label is set so many times
// a second.
func (b *bench) streamLabel(ctx context.Context, d *desk.Desktop, w, h int, rate float64) (s streamed, err error) {
	every := time.Duration(float64(time.Second) / rate)
	p, err := run(d, "hello", exec.Command(b.hello, "-label", every.String(), "-length", strconv.Itoa(labelLength), "-width", strconv.Itoa(w), "-height", strconv.Itoa(h)))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	if _, err := d.AnyWindow(ctx, p.PID()); err != nil {
		return s, err
	}
	if err := pause(ctx, streamLead, p); err != nil {
		return s, err
	}
	return watchStream(ctx, d, p)
}

// watchStream watches a program for streamFor.
func watchStream(ctx context.Context, d *desk.Desktop, p *desk.Program) (s streamed, err error) {
	screen, err := d.Screen()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, screen.Close()) }()
	before, err := processorOf(p.PID())
	if err != nil {
		return s, err
	}
	began := time.Now()
	count, err := screen.Pictures(ctx, streamFor)
	if err != nil {
		return s, err
	}
	took := time.Since(began).Seconds()
	after, err := processorOf(p.PID())
	if err != nil {
		return s, err
	}
	return streamed{share: 100 * (after - before) / took, rate: float64(count) / took}, pause(ctx, 0, p)
}

// processorOf is the processor time of a process so far in seconds, with that of threads
// that have ended, as proc(5) has it in stat.
func processorOf(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const user, system = 11, 12 // counted from the state, which follows the name
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat is too short", pid)
	}
	var ticks float64
	for _, i := range []int{user, system} {
		n, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	const ticksPerSecond = 100 // of every Linux, whatever its own clock does
	return ticks / ticksPerSecond, nil
}

// streamingHome makes a home whose new conversations go to a model.
func streamingHome(home, url string) error {
	ref := store.ModelRef{Provider: "standin", Model: "m"}
	settings, err := json.Marshal(store.Settings{
		Providers: []store.ProviderConfig{{ID: ref.Provider, Kind: store.ProviderChat, BaseURL: url, NoKey: true, Model: ref.Model}},
		Model:     ref,
		Window:    store.WindowSettings{Welcomed: true, SaidItHides: true},
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "settings.json"), settings, 0o600)
}
