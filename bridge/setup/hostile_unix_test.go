//go:build unix

package setup_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
)

// TestPipeInThePlaceOfAFile: nobody waits for what never comes.
func TestPipeInThePlaceOfAFile(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".cursor"), 0o700); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(home, ".cursor", "mcp.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	found := make(chan []setup.Found, 1)
	go func() { found <- setup.Find(setup.Places{GOOS: "linux", Home: home}) }()
	select {
	case f := <-found:
		if len(f) != 1 || len(f[0].Problems) != 1 {
			t.Errorf("%+v", f)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for a pipe")
	}
}
