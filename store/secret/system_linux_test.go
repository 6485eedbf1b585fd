package secret

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/drawbridge-app/drawbridge/store"
)

// program finds a program of the tests, or says how to get it.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing, which this test needs: install the package %s (make test does)", name, pkg)
	}
	return path
}

// run starts a program that ends with the test.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also if the test is killed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// shortDir is a folder with a name short enough for sockets in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// startBus starts a session bus that can start nothing by itself, and returns
// its address.
func startBus(t *testing.T) string {
	t.Helper()
	daemon := program(t, "dbus-daemon", "dbus")
	dir := shortDir(t)
	config := filepath.Join(dir, "bus.conf")
	err := os.WriteFile(config, []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=`+filepath.Join(dir, "bus")+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(daemon, "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	run(t, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the bus gave no address: %v", err)
	}
	return strings.TrimSpace(line)
}

// dial connects to the bus as an onlooker of the tests.
func dial(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// startKeyring starts a real gnome-keyring of its own on the bus, with an
// unlocked login collection.
func startKeyring(t *testing.T, address string) {
	t.Helper()
	daemon := program(t, "gnome-keyring-daemon", "gnome-keyring")
	conn := dial(t, address)
	if err := conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, secretsName)); err != nil {
		t.Fatal(err)
	}
	appeared := make(chan *dbus.Signal, 8)
	conn.Signal(appeared)

	home := shortDir(t)
	for _, d := range []string{".local/share/keyrings", ".cache", "run"} {
		if err := os.MkdirAll(filepath.Join(home, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(daemon, "--foreground", "--unlock", "--components=secrets")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_DATA_HOME=" + filepath.Join(home, ".local/share"),
		"XDG_CACHE_HOME=" + filepath.Join(home, ".cache"), "XDG_RUNTIME_DIR=" + filepath.Join(home, "run"), envBus + "=" + address,
	}
	cmd.Stdin = strings.NewReader("ci\n")
	run(t, cmd)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var owned bool
		if err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secretsName).Store(&owned); err != nil {
			t.Fatal(err)
		}
		if owned {
			break
		}
		select {
		case <-appeared:
		case <-ctx.Done():
			t.Fatal("gnome-keyring did not come up within a minute")
		}
	}
}

// bus is the environment of a session with that bus.
func bus(address string) func(string) string {
	return func(name string) string {
		if name == envBus {
			return address
		}
		return ""
	}
}

func onBus(t *testing.T, getenv func(string) string) *Store {
	t.Helper()
	home := t.TempDir()
	return withSystem(home, newSystem(serviceName(home), getenv))
}

// TestRealKeyring runs against gnome-keyring. go-keyring takes the bus from the
// environment of the process, so it cannot run beside others.
func TestRealKeyring(t *testing.T) {
	address := startBus(t)
	startKeyring(t, address)
	t.Setenv(envBus, address)
	home, other := t.TempDir(), t.TempDir()
	secrets := func(home string) *Store {
		return withSystem(home, newSystem(serviceName(home), os.Getenv))
	}
	t.Run("conformance", func(t *testing.T) {
		s := secrets(home)
		state(t, s, store.SecretState{Place: store.SecretsKeychain})
		conformance(t, s, func(*testing.T) *Store { return secrets(home) })
		noValues(t, home, "ghp_", "sk-proj", strings.Repeat("l", 50), "long long")
	})
	t.Run("two homes", func(t *testing.T) {
		if _, err := secrets(other).Get(t.Context(), "just-fits"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another home's secret: %v", err)
		}
	})
	t.Run("Open", func(t *testing.T) {
		if v, err := Open(home).Get(t.Context(), "just-fits"); err != nil || len(v.Reveal()) != maxItem {
			t.Errorf("%d bytes, error %v", len(v.Reveal()), err)
		}
	})
	t.Run("bus of the runtime directory", func(t *testing.T) {
		path := strings.TrimPrefix(strings.Split(address, ",")[0], "unix:path=")
		t.Setenv("XDG_RUNTIME_DIR", filepath.Dir(path))
		for _, value := range []string{"", "autolaunch:"} {
			t.Setenv(envBus, value)
			if v, err := secrets(home).Get(t.Context(), "just-fits"); err != nil || len(v.Reveal()) != maxItem {
				t.Errorf("%d bytes, error %v", len(v.Reveal()), err)
			}
			if got := os.Getenv(envBus); got != "unix:path="+path {
				t.Errorf("go-keyring looks for the bus %q", got)
			}
		}
	})
	t.Run("locked", func(t *testing.T) {
		conn := dial(t, address)
		var locked []dbus.ObjectPath
		var prompt dbus.ObjectPath
		err := conn.Object(secretsName, secretsPath).Call(secretsService+".Lock", 0, []dbus.ObjectPath{loginPath}).Store(&locked, &prompt)
		if err != nil || len(locked) != 1 {
			t.Fatalf("lock: %v, %v", locked, err)
		}
		s := secrets(home)
		begin := time.Now()
		state(t, s, store.SecretState{Place: store.SecretsKeychain, Locked: true})
		for name, err := range map[string]error{
			"get": second(s.Get(t.Context(), "just-fits")),
			"set": s.Set(t.Context(), "new", store.NewSecret("v")),
		} {
			if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "unlock it") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("it took %v", d)
		}
		// There is no display, so the dialog cannot be shown, and unlocking fails
		// at once or waits until it is cancelled.
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := s.Unlock(ctx); err == nil {
			t.Error("it was unlocked by nobody")
		}
	})
}

func TestNoBus(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for name, env := range map[string]map[string]string{
		"nothing":     {},
		"autolaunch":  {envBus: "autolaunch:"},
		"runtime dir": {"XDG_RUNTIME_DIR": empty},
		"no socket":   {envBus: "unix:path=" + filepath.Join(empty, "bus")},
		"no address":  {envBus: "rubbish"},
	} {
		begin := time.Now()
		s := onBus(t, func(n string) string { return env[n] })
		if err := s.Set(t.Context(), "x", store.NewSecret("v")); !errors.Is(err, store.ErrNoKeychain) || !strings.Contains(err.Error(), "session bus") {
			t.Errorf("%s: %v", name, err)
		}
		state(t, s, store.SecretState{Reason: "session bus"})
		if err := s.Unlock(t.Context()); !errors.Is(err, store.ErrNoKeychain) {
			t.Errorf("%s: unlock: %v", name, err)
		}
		if d := time.Since(begin); d > time.Minute {
			t.Errorf("%s: it took %v", name, d)
		}
	}
}

// hangingBus accepts connections and never answers.
func hangingBus(t *testing.T) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return "unix:path=" + path
}

func TestHangingBus(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	s := openWith(home, options{system: newSystem("x", bus(hangingBus(t))), limit: 300 * time.Millisecond, work: 4, now: time.Now})
	for range 3 { // the first must not block the second
		begin := time.Now()
		if _, err := s.Get(t.Context(), "x"); !errors.Is(err, store.ErrNoKeychain) || !strings.Contains(err.Error(), "did not answer") {
			t.Errorf("get: %v", err)
		}
		if d := time.Since(begin); d < 300*time.Millisecond || d > time.Minute {
			t.Errorf("it took %v", d)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Unlock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("unlock: %v", err)
	}
	select { // none of the calls is left behind
	case s.keychain.slot <- struct{}{}:
	case <-time.After(time.Minute):
		t.Error("a call still waits for the bus")
	}
}

func TestBusWithoutKeychain(t *testing.T) {
	t.Parallel()
	address := startBus(t)
	s := onBus(t, bus(address))
	if err := s.Set(t.Context(), "x", store.NewSecret("v")); !errors.Is(err, store.ErrNoKeychain) || !strings.Contains(err.Error(), "gnome-keyring") {
		t.Errorf("set: %v", err)
	}
	// The same bus, found in the runtime directory.
	dir := filepath.Dir(strings.TrimPrefix(strings.Split(address, ",")[0], "unix:path="))
	s = onBus(t, func(n string) string { return map[string]string{"XDG_RUNTIME_DIR": dir}[n] })
	state(t, s, store.SecretState{Reason: "gnome-keyring"})
}

// dialogService is a Secret Service with one collection, locked or not made yet,
// whose dialog the test answers.
type dialogService struct {
	conn      *dbus.Conn
	mu        sync.Mutex // protects the two below
	locked    bool
	none      bool // there is no collection
	dismissed chan bool
	shown     chan struct{}
}

const dialogPath = dbus.ObjectPath("/dialog")

func startDialogs(t *testing.T, address string, none bool) *dialogService {
	t.Helper()
	d := &dialogService{conn: dial(t, address), locked: true, none: none, dismissed: make(chan bool), shown: make(chan struct{}, 8)}
	for path, ifaces := range map[dbus.ObjectPath][]string{
		secretsPath: {secretsService, "org.freedesktop.DBus.Properties"},
		"/c":        {"org.freedesktop.DBus.Properties"},
		dialogPath:  {secretsPrompt},
	} {
		for _, i := range ifaces {
			if err := d.conn.Export(d, path, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	if reply, err := d.conn.RequestName(secretsName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name cannot be had: %v, %v", reply, err)
	}
	return d
}

func (d *dialogService) Get(_, name string) (dbus.Variant, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == "Locked" {
		return dbus.MakeVariant(d.locked), nil
	}
	return dbus.MakeVariant([]dbus.ObjectPath{}), nil
}

func (d *dialogService) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.none {
		return noObject, nil
	}
	return "/c", nil
}

func (d *dialogService) Unlock([]dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	return []dbus.ObjectPath{}, dialogPath, nil
}

func (d *dialogService) CreateCollection(map[string]dbus.Variant, string) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	return noObject, dialogPath, nil
}

func (d *dialogService) Prompt(string) *dbus.Error {
	d.shown <- struct{}{}
	go func() {
		dismissed, ok := <-d.dismissed
		if !ok {
			return
		}
		if !dismissed {
			d.mu.Lock()
			d.locked, d.none = false, false
			d.mu.Unlock()
		}
		_ = d.conn.Emit(dialogPath, secretsPrompt+".Completed", dismissed, dbus.MakeVariant([]dbus.ObjectPath{}))
	}()
	return nil
}

func TestUnlockDialog(t *testing.T) {
	t.Parallel()
	for _, none := range []bool{false, true} {
		t.Run(fmt.Sprintf("no collection %v", none), func(t *testing.T) {
			t.Parallel()
			address := startBus(t)
			d := startDialogs(t, address, none)
			s := onBus(t, bus(address))
			state(t, s, store.SecretState{Place: store.SecretsKeychain, Locked: true})
			if err := s.Set(t.Context(), "x", store.NewSecret("v")); !errors.Is(err, store.ErrLocked) {
				t.Errorf("set: %v", err)
			}

			done := make(chan error)
			go func() { done <- s.Unlock(t.Context()) }()
			<-d.shown
			d.dismissed <- true
			if err := <-done; !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "dismissed") {
				t.Errorf("dismissed: %v", err)
			}

			ctx, cancel := context.WithCancel(t.Context())
			go func() { done <- s.Unlock(ctx) }()
			<-d.shown
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}

			go func() { done <- s.Unlock(t.Context()) }()
			<-d.shown
			d.dismissed <- false // the dialog that was cancelled is answered late
			d.dismissed <- false
			if err := <-done; err != nil {
				t.Errorf("unlocked: %v", err)
			}
			state(t, s, store.SecretState{Place: store.SecretsKeychain})
		})
	}
}
