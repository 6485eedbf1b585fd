//go:build linux && e2e

package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
)

// keychainTask makes this test binary the program that asks the keychain: a
// process finds its keychain by the bus in its environment, once.
const keychainTask = "DESK_TEST_KEYCHAIN"

func TestMain(m *testing.M) {
	if secret := os.Getenv(keychainTask); secret != "" {
		if err := keyring.Set("drawbridge-desk-test", "somebody", secret); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		got, err := keyring.Get("drawbridge-desk-test", "somebody")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Print(got)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// out is where logs and screenshots go.
func out(t *testing.T) string {
	if dir := os.Getenv("E2E_OUT"); dir != "" {
		return filepath.Join(dir, t.Name())
	}
	return t.TempDir()
}

func start(t *testing.T, o desk.Options) *desk.Desktop {
	t.Helper()
	o.Logs = out(t)
	d, err := desk.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			if err := d.Screenshot(context.Background(), filepath.Join(o.Logs, "failed.png")); err != nil {
				t.Error(err)
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// buffer keeps what a program prints, from any goroutine.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// hello builds the hello-world window.
func hello(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "hello")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "migrated_fynedo", "-o", binary, "../testdata/hello")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return binary
}

func TestWholeDesktop(t *testing.T) {
	d := start(t, desk.Options{WindowManager: true, Keychain: true, Tray: true})

	t.Run("keychain", func(t *testing.T) {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(d.Environ(), keychainTask+"=a secret of the test")
		got, err := cmd.CombinedOutput()
		if err != nil || string(got) != "a secret of the test" {
			t.Errorf("the keychain gave back %q: %v", got, err)
		}
	})

	t.Run("tray", func(t *testing.T) {
		owned, err := d.TrayWatched(t.Context())
		if err != nil || !owned {
			t.Errorf("owned = %v, %v", owned, err)
		}
		items, err := d.TrayItems(t.Context())
		if err != nil || len(items) != 0 {
			t.Errorf("items = %q, %v", items, err)
		}
	})

	t.Run("clipboard", func(t *testing.T) {
		if text, err := d.Clipboard(t.Context()); !errors.Is(err, desk.ErrNoText) {
			t.Errorf("of nobody it has %q, %v", text, err)
		}
	})

	t.Run("screenshot", func(t *testing.T) {
		file := filepath.Join(out(t), "desktop.png")
		if err := d.Screenshot(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		picture, err := os.ReadFile(file)
		if err != nil || !bytes.HasPrefix(picture, []byte("\x89PNG")) {
			t.Errorf("no picture: %v", err)
		}
	})
}

func TestInput(t *testing.T) {
	binary := hello(t)
	d := start(t, desk.Options{WindowManager: true})
	var printed buffer
	cmd := exec.Command(binary)
	cmd.Stdout = &printed
	screen, err := d.Screen()
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	before := screen.Copy()
	if screen.Painted(before) {
		t.Error("the screen differs from itself")
	}
	program, err := d.Run("hello", cmd)
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.Window(t.Context(), program.PID(), "Hello")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := screen.WaitPainted(t.Context(), time.Minute, before); err != nil {
		t.Fatal(err)
	}
	taps := func(n int) {
		t.Helper()
		if err := desk.Until(t.Context(), time.Minute, "the taps", func(context.Context) error {
			if got := strings.Count(printed.String(), "tapped\n"); got != n {
				return fmt.Errorf("%d taps, want %d", got, n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	// The button is in the lower half; the text above it does nothing.
	if err := d.Click(t.Context(), w, 30, 10); err != nil {
		t.Fatal(err)
	}
	if err := d.Click(t.Context(), w, 30, 60); err != nil {
		t.Fatal(err)
	}
	taps(1)
	// The keyboard reaches it too.
	if err := d.Press(t.Context(), "Tab", "space"); err != nil {
		t.Fatal(err)
	}
	taps(2)
	if err := d.Press(t.Context(), "alt+F4"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := program.Wait(ctx); err != nil {
		t.Error(err)
	}
	if _, err := d.Windows(t.Context(), program.PID()); err == nil {
		t.Error("the window is still there")
	}
}

// The first chord on a desktop reaches the window manager. Without care it is
// lost on most desktops, and never on all of them, so several are tried.
func TestFirstChord(t *testing.T) {
	binary := hello(t)
	for range 6 {
		d := start(t, desk.Options{WindowManager: true})
		program, err := d.Run("hello", exec.Command(binary))
		if err != nil {
			t.Fatal(err)
		}
		w, err := d.Window(t.Context(), program.PID(), "Hello")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Activate(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if err := d.Press(t.Context(), "alt+F4"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = program.Wait(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A process that leaves its parent, its group and its session is still known,
// and does not outlive the desktop.
func TestNothingIsLeft(t *testing.T) {
	d, err := desk.Start(t.Context(), desk.Options{Logs: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	program, err := d.Run("shell", exec.Command("sh", "-c", "setsid sleep 9753 & exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := 0
	if err := desk.Until(t.Context(), time.Minute, "the runaway", func(context.Context) error {
		running, err := d.Processes()
		for _, p := range running {
			if p.Command == "sleep 9753" {
				pid = p.PID
				return nil
			}
		}
		return fmt.Errorf("not among %v, %v", running, err)
	}); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if left, err := d.Processes(); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.HasPrefix(string(command), "sleep") {
		t.Errorf("process %d is still there", pid)
	}
	if _, err := os.Stat(d.Home()); err == nil {
		t.Error("the home folder is still there")
	}
}
