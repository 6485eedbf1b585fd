package mcphost

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// peakVariable names a file into which this program writes, at its end, the
// most memory that it took: TestHostileBounds measures single tests so.
const peakVariable = "MCPHOST_TEST_PEAK"

func peakFile() string { return os.Getenv(peakVariable) }

// writePeak writes the most memory that this process took, in kB.
func writePeak() error {
	if peakFile() == "" {
		return nil
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, ok := bytes.Cut(status, []byte("\nVmHWM:"))
	if !ok {
		return fmt.Errorf("the system does not say how much memory was taken")
	}
	return os.WriteFile(peakFile(), bytes.Fields(rest)[0], 0o600)
}

// hostileMemory is what the program may take with any hostile server, in kB.
const hostileMemory = 300 << 10

// TestHostileBounds runs each attack in a process of its own, and looks how much
// memory that took: the hostile server is a child and does not count. With the
// race detector all takes many times as much; what else the attacks must not do
// is TestHostile's, which runs with it too.
func TestHostileBounds(t *testing.T) {
	if bounds.Race || runtime.GOOS != "linux" {
		return // only Linux says how much memory it was
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "peak")
			pattern := "^TestHostile$/^" + strings.ReplaceAll(a.name, " ", "_") + "$"
			cmd := exec.CommandContext(testContext(t), exe, "-test.run", pattern, "-test.v", "-test.count=1")
			cmd.Env = append(os.Environ(), peakVariable+"="+file)
			out, err := cmd.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("--- PASS: TestHostile/")) {
				t.Fatalf("%v\n%s", err, out[max(0, len(out)-4000):])
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kB, err := strconv.Atoi(string(b))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d MB at most", kB>>10)
			if kB > hostileMemory {
				t.Errorf("it took %d MB", kB>>10)
			}
		})
	}
}
