package control

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// ancestry prints, for each process number in args, whether this process
// descends from it.
func ancestry(args []string) {
	for _, arg := range args {
		above, err := strconv.Atoi(arg)
		if err != nil {
			panic(err)
		}
		found, err := Descends(os.Getpid(), func(pid int) bool { return pid == above })
		fmt.Println(found, err)
	}
}

// parent runs this program again, as ancestry.
func parent(args []string) int {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self, append(args, strconv.Itoa(os.Getpid()))...)
	cmd.Env = append(os.Environ(), roleEnv+"=ancestry")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func TestDescendsInARealTree(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A process whose name looks like the rest of its state.
	odd := filepath.Join(t.TempDir(), "a) S 1 1 (b")
	if err := os.Symlink(self, odd); err != nil {
		t.Fatal(err)
	}
	stranger := program(t, "racer", "")
	if _, err := stranger.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := program(t, "racer", "")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}

	// sh → sh → the odd one → ancestry. The numbers of the two shells are
	// added by themselves.
	cmd := exec.Command("sh", "-c", `sh -c '"$@" $$; :' sh "$@" $$; :`, "sh", odd,
		strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getppid()), strconv.Itoa(stranger.Process.Pid), strconv.Itoa(ended.Process.Pid))
	cmd.Env = append(os.Environ(), roleEnv+"=parent")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const yes, no = "true <nil>", "false <nil>"
	want := []string{yes, yes, no, no, yes, yes, yes} // test, above it, stranger, ended, sh, sh, odd
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); strings.Join(got, ";") != strings.Join(want, ";") {
		t.Errorf("got %q, want %q", got, want)
	}

	if _, err := Descends(ended.Process.Pid, func(int) bool { return true }); !errors.Is(err, ErrNoProcess) {
		t.Errorf("a process that ended: %v", err)
	}
	if found, err := Descends(os.Getpid(), func(pid int) bool { return pid == os.Getpid() }); !found || err != nil {
		t.Errorf("the process itself: %v, %v", found, err)
	}
	for _, pid := range []int{0, -1} {
		if _, err := Descends(pid, func(int) bool { return true }); !errors.Is(err, ErrNoProcess) {
			t.Errorf("process %d: %v", pid, err)
		}
	}
}

func TestDescendsWhileProcessesEnd(t *testing.T) {
	t.Parallel()
	type table = map[int]process
	find := func(pid int) func(int) bool { return func(p int) bool { return p == pid } }
	look := func(t table, pid int) (process, error) {
		p, ok := t[pid]
		if !ok {
			return process{}, ErrNoProcess
		}
		return p, nil
	}
	tests := []struct {
		name   string
		before table
		// after is what is seen once process 20 was looked up the first time.
		after   table
		adopts  bool
		target  int
		found   bool
		failing bool
	}{
		{name: "a chain", before: table{1: {}, 10: {parent: 1}, 20: {parent: 10}, 30: {parent: 20}}, adopts: true, target: 10, found: true},
		{name: "another branch", before: table{1: {}, 10: {parent: 1}, 11: {parent: 1}, 20: {parent: 10}, 30: {parent: 20}}, adopts: true, target: 11},
		{name: "adopted by 10, 20's number is taken by a child of 11",
			before: table{1: {}, 10: {parent: 1}, 11: {parent: 1}, 20: {parent: 10}, 30: {parent: 20}},
			after:  table{1: {}, 10: {parent: 1}, 11: {parent: 1}, 20: {parent: 11}, 30: {parent: 10}}, adopts: true, target: 11},
		{name: "adopted while looking",
			before: table{1: {}, 10: {parent: 1}, 20: {parent: 10}, 30: {parent: 20}},
			after:  table{1: {}, 10: {parent: 1}, 30: {parent: 10}}, adopts: true, target: 10, found: true},
		{name: "hidden", before: table{1: {}, 10: {parent: 1}, 30: {parent: 20}}, adopts: true, target: 10, failing: true},
		{name: "a ring", before: table{20: {parent: 30}, 30: {parent: 20}}, adopts: true, target: 10, failing: true},
		{name: "Windows: the parent ended", before: table{10: {}, 30: {parent: 20, started: 5}}, target: 10},
		{name: "Windows: its number is another's", before: table{10: {}, 20: {parent: 10, started: 9}, 30: {parent: 20, started: 5}}, target: 10},
		{name: "Windows: a chain", before: table{10: {}, 20: {parent: 10, started: 4}, 30: {parent: 20, started: 5}}, target: 10, found: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			now := maps.Clone(test.before)
			found, err := descends(30, find(test.target), system{adopts: test.adopts, lookup: func(pid int) (process, error) {
				if pid == 20 && test.after != nil {
					now = test.after
				}
				return look(now, pid)
			}})
			if found != test.found || (err != nil) != test.failing {
				t.Errorf("got %v, %v; want %v, failing %v", found, err, test.found, test.failing)
			}
		})
	}
}
