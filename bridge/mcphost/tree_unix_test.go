//go:build unix

package mcphost

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// treeFixture is a process of a tree that is hard to end. It reports whether it
// knows the mode.
func treeFixture(mode, argument string) bool {
	switch mode {
	case "plain", "setsid", "daemon": // servers, each with a tree of its own kind
		growTree(mode, argument)
		serveStdio(obedient())
	case "limb": // a child that starts another and stays
		leaf := "leaf:" + argument
		if _, err := startSelf(leaf, nil, nil); err != nil {
			os.Exit(96)
		}
		announce(argument)
	case "fork": // one that leaves its child behind and ends
		startDetached("leaf:" + argument)
	case "leaf":
		announce(argument)
	case "bomb": // children that start children, each in a session of its own
		serving := make(chan struct{})
		go func() { serveStdio(obedient()); close(serving) }()
		startDetached("spark:6:" + argument)
		<-serving
	case "spark":
		depth, dir, _ := strings.Cut(argument, ":")
		if depth != "0" {
			for range 2 {
				startDetached(fmt.Sprintf("spark:%c:%s", depth[0]-1, dir))
			}
		}
		announce(dir)
	case "npx-host":
		hostNpx(argument)
	case "prisoner":
		serveStdio(prisoner())
	case "host": // a program with a server, to be killed
		runHost(argument, "")
	case "boxed-host": // likewise, with a server in a sandbox
		method, argument, _ := strings.Cut(argument, ":")
		runHost(argument, method)
	default:
		return false
	}
	return true
}

// growTree starts what the three trees of the tests are made of.
func growTree(kind, dir string) {
	var err error
	switch kind {
	case "plain":
		_, err = startSelf("limb:"+dir, nil, nil)
	case "setsid":
		err = startDetached("limb:" + dir)
	case "daemon":
		err = startDetached("fork:" + dir)
	}
	if err != nil {
		os.Exit(95)
	}
}

// startDetached starts a mode of this program in a session of its own.
func startDetached(mode string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), modeVariable+"="+mode)
	cmd.Stderr = os.Stderr // as daemons do that forget to close it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}

// announce writes the process's id into the folder and stays, whatever polite
// signal comes.
func announce(dir string) {
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	pid := fmt.Sprint(os.Getpid())
	os.WriteFile(filepath.Join(dir, pid), []byte(pid), 0o600)
	select {}
}

// runHost runs one server until it is killed. The argument is the server's mode
// and its folder, where the server's id is noted too; with a method, the server
// is in a sandbox of that kind.
func runHost(argument, method string) {
	_, dir, _ := strings.Cut(argument, ":")
	exe, err := os.Executable()
	if err != nil {
		os.Exit(94)
	}
	m := New(Options{
		Gate: open, Secrets: keychain{}, SandboxDir: os.Getenv(sandboxesVariable),
		Environ: func() []string { return []string{"HOME=" + os.Getenv(sandboxesVariable), "PATH=/usr/bin:/bin"} },
	})
	c := store.ServerConfig{
		ID: "s", Name: "s", Transport: store.TransportStdio, Command: exe,
		Env: map[string]store.Value{modeVariable: store.Value(argument)},
	}
	if method != "" {
		m.boxes.found = foundOf(method)
		c.Sandbox = &store.Sandbox{Write: []string{dir}}
	}
	m.Apply([]store.ServerConfig{c})
	for statuses := range m.Watch(m.life) {
		if s := statuses[0]; s.State == Ready {
			os.WriteFile(filepath.Join(dir, "server"), fmt.Append(nil, s.PID), 0o600)
		}
	}
	time.Sleep(time.Minute)
}
