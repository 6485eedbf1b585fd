//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// withKeychain gives the place a session bus with a real keychain, unlocked.
func (p *place) withKeychain() {
	p.t.Helper()
	dir, err := os.MkdirTemp("", "db")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := filepath.Join(dir, "bus.conf")
	err = os.WriteFile(config, []byte(`<busconfig><type>session</type><listen>unix:path=`+filepath.Join(dir, "bus")+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	start := func(pkg, stdin string, env []string, name string, args ...string) io.Reader {
		path, err := exec.LookPath(name)
		if err != nil {
			p.t.Fatalf("%s is missing, which this test needs: install the package %s (make test does)", name, pkg)
		}
		cmd := exec.Command(path, args...)
		cmd.Env, cmd.Stdin = env, strings.NewReader(stdin)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // also when the test breaks off
		out, err := cmd.StdoutPipe()
		if err != nil {
			p.t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return out
	}
	out := start("dbus", "", p.env, "dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.t.Fatalf("the bus gives no address: %v", err)
	}
	address := strings.TrimSpace(line)
	p.env = append(p.env, "DBUS_SESSION_BUS_ADDRESS="+address)

	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DBUS_SESSION_BUS_ADDRESS=" + address}
	for name, sub := range map[string]string{"XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache", "XDG_RUNTIME_DIR": "run"} {
		if err := os.MkdirAll(filepath.Join(dir, sub, "keyrings"), 0o700); err != nil {
			p.t.Fatal(err)
		}
		env = append(env, name+"="+filepath.Join(dir, sub))
	}
	go io.Copy(io.Discard, start("gnome-keyring", "unlocked\n", env, "gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"))
	conn, err := dbus.Connect(address, dbus.WithContext(p.t.Context()))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	keychain := conn.Object("org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login")
	eventually(p.t, "an unlocked keychain", time.Minute, func() bool {
		v, err := keychain.GetProperty("org.freedesktop.Secret.Collection.Locked")
		return err == nil && v.Value() == false
	})
}

// typist is a person at a terminal at which a command runs.
type typist struct {
	t      testing.TB
	screen *os.File
	shown  strings.Builder
}

// atTerminal starts a command at a terminal of its own.
func (p *place) atTerminal(cmd *exec.Cmd) *typist {
	p.t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = screen.Close() })
	control, err := screen.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	var number int
	var failed error
	err = control.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err != nil || failed != nil {
		p.t.Fatal(err, failed)
	}
	line, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	defer line.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = line, line, line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return &typist{t: p.t, screen: screen}
}

// answer waits until the terminal shows the question, and types a line.
func (y *typist) answer(question, line string) {
	y.t.Helper()
	from := y.shown.Len()
	b := make([]byte, 4096)
	for !strings.Contains(y.shown.String()[from:], question) {
		if err := y.screen.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			y.t.Fatal(err)
		}
		n, err := y.screen.Read(b)
		y.shown.Write(b[:n])
		if err != nil {
			y.t.Fatalf("%q is not asked: %v: %s", question, err, y.shown.String())
		}
	}
	if _, err := io.WriteString(y.screen, line+"\n"); err != nil {
		y.t.Fatal(err)
	}
}

// rest returns everything that the terminal shows until the command ends.
func (y *typist) rest() string {
	b, _ := io.ReadAll(y.screen) // it ends with an error when nobody has the terminal any more
	y.shown.Write(b)
	return y.shown.String()
}
