//go:build linux && e2e

package desk

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options say what a desktop has.
type Options struct {
	Logs          string // folder for the logs of the programs; it is made
	Width, Height int    // of the screen in pixels; 1400 by 900 by default
	WindowManager bool   // openbox
	Keychain      bool   // a Secret Service (gnome-keyring), unlocked
	Tray          bool   // a panel with a StatusNotifier host (xfce4-panel); wants WindowManager
}

// A Desktop is what Start made. Its methods may be called from any goroutine,
// but there is only one mouse and one keyboard.
type Desktop struct {
	dir     string
	token   string // marks the environment of each process of this desktop
	display string
	bus     string
	logs    string
	screen  string // the file that the X server keeps its pixels in

	mu       sync.Mutex
	programs []*Program // in the order in which they were started
}

// startLimit bounds the start of each program of the desktop.
const startLimit = 90 * time.Second

// tokenName is the environment variable that marks a desktop's processes.
const tokenName = "DRAWBRIDGE_E2E_DESKTOP"

// Start brings a desktop up and waits until each part of it answers.
func Start(ctx context.Context, o Options) (_ *Desktop, err error) {
	if o.Width == 0 {
		o.Width, o.Height = 1400, 900
	}
	// The path is kept short, because sockets live in it.
	dir, err := os.MkdirTemp("", "desk-")
	if err != nil {
		return nil, err
	}
	d := &Desktop{dir: dir, token: rand.Text(), logs: o.Logs}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	for _, folder := range []string{d.logs, d.Home(), d.path("run"), d.path("config"), d.path("data/keyrings"), d.path("cache"), d.path("screen")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
	}
	if err := d.startX(ctx, o.Width, o.Height); err != nil {
		return nil, err
	}
	if err := d.firstKey(ctx); err != nil {
		return nil, err
	}
	if err := d.startBus(ctx); err != nil {
		return nil, err
	}
	if o.WindowManager {
		if err := d.startWindowManager(ctx); err != nil {
			return nil, err
		}
	}
	if o.Keychain {
		if err := d.startKeychain(ctx); err != nil {
			return nil, err
		}
	}
	if o.Tray {
		if err := d.startPanel(ctx); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Home is the home folder of the desktop's programs.
func (d *Desktop) Home() string { return d.path("home") }

// Config is the folder in which the desktop's programs keep their configuration.
func (d *Desktop) Config() string { return d.path("config") }

// BusAddress is the address of the session bus.
func (d *Desktop) BusAddress() string { return d.bus }

func (d *Desktop) path(name string) string { return filepath.Join(d.dir, name) }

// Environ is the whole environment of a program on this desktop. Of the
// caller's own, only the PATH and the language are in it.
func (d *Desktop) Environ() []string {
	env := []string{
		"HOME=" + d.Home(),
		"USER=person",
		"LOGNAME=person",
		"SHELL=/bin/sh",
		"PATH=" + os.Getenv("PATH"),
		"LANG=C.UTF-8",
		"XDG_RUNTIME_DIR=" + d.path("run"),
		"XDG_CONFIG_HOME=" + d.path("config"),
		"XDG_DATA_HOME=" + d.path("data"),
		"XDG_CACHE_HOME=" + d.path("cache"),
		"XDG_SESSION_TYPE=x11",
		"LIBGL_ALWAYS_SOFTWARE=1",
		"NO_AT_BRIDGE=1",
		tokenName + "=" + d.token,
	}
	if d.display != "" {
		env = append(env, "DISPLAY="+d.display)
	}
	if d.bus != "" {
		env = append(env, "DBUS_SESSION_BUS_ADDRESS="+d.bus)
	}
	return env
}

// startX starts Xvfb on a display that is free. Its pixels are kept in a file,
// so that they can be watched without a word to the server.
func (d *Desktop) startX(ctx context.Context, width, height int) error {
	number, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer number.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height),
		"-fbdir", d.path("screen"), "-nolisten", "tcp", "-noreset", "-dpi", "96")
	cmd.ExtraFiles = []*os.File{write}
	cmd.Env = d.Environ()
	_, err = d.Run("xvfb", cmd)
	write.Close()
	if err != nil {
		return err
	}
	line, err := readLine(ctx, number)
	if err != nil {
		return fmt.Errorf("waiting for Xvfb to name its display (see xvfb.log): %w", err)
	}
	d.display = ":" + line
	d.screen = d.path("screen/Xvfb_screen0")
	return nil
}

// firstKey presses a key that does nothing, before anybody listens to keys. At
// the first key from xdotool the X server changes over to its keyboard and tells
// everyone of a new keymap, whereupon a window manager lets go of all its keys
// and takes them again. A chord that came in between would never reach it.
func (d *Desktop) firstKey(ctx context.Context) error { return d.Press(ctx, "Shift_L") }

func (d *Desktop) startBus(ctx context.Context) error {
	address, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer address.Close()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=3",
		"--address=unix:path="+d.path("run/bus"))
	cmd.ExtraFiles = []*os.File{write}
	cmd.Env = d.Environ()
	_, err = d.Run("dbus", cmd)
	write.Close()
	if err != nil {
		return err
	}
	line, err := readLine(ctx, address)
	if err != nil {
		return fmt.Errorf("waiting for the session bus to name its address (see dbus.log): %w", err)
	}
	d.bus = line
	return nil
}

// readLine reads one line from a pipe, bounded in time.
func readLine(ctx context.Context, r *os.File) (string, error) {
	until := time.Now().Add(startLimit)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
		until = deadline
	}
	if err := r.SetReadDeadline(until); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(r).ReadString('\n')
	if errors.Is(err, io.EOF) {
		return "", errors.New("it ended")
	}
	return strings.TrimSpace(line), err
}

// Close ends the programs, last one first, then whatever they left behind, and
// removes the folder. It reports what had to be killed.
func (d *Desktop) Close() error {
	d.mu.Lock()
	programs := d.programs
	d.programs = nil
	d.mu.Unlock()
	var errs []error
	for i := len(programs) - 1; i >= 0; i-- {
		errs = append(errs, programs[i].Stop())
	}
	errs = append(errs, d.endLeftovers(), os.RemoveAll(d.dir))
	return errors.Join(errs...)
}
