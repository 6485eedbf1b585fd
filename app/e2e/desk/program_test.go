//go:build linux && e2e

package desk

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// deaf starts a program that does not end at TERM, and says when it has begun.
func deaf(t *testing.T, run func(name string, cmd *exec.Cmd) (*Program, error)) *Program {
	t.Helper()
	cmd := exec.Command("sh", "-c", "trap '' TERM QUIT; echo begun; while :; do sleep 1; done")
	out, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer write.Close()
	cmd.Stdout = write
	p, err := run("deaf", cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "begun\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return p
}

func TestStopOfTheDeaf(t *testing.T) {
	d := &Desktop{dir: t.TempDir(), logs: t.TempDir(), token: t.Name()}
	if err := os.MkdirAll(d.Home(), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.endLeftovers(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct {
		name string
		run  func(name string, cmd *exec.Cmd) (*Program, error)
		want string
	}{
		{"ours", d.Run, "did not end within"},
		{"foreign", d.RunForeign, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := deaf(t, c.run)
			p.obeys = time.Second
			err := p.Stop()
			select {
			case <-p.Ended():
			default:
				t.Error("it runs on")
			}
			if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err := p.Stop(); err != nil {
				t.Errorf("once more: %v", err)
			}
		})
	}
}
