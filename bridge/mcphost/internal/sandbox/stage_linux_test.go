package sandbox

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// runStage runs this test program as a stage that is given b.
func runStage(t *testing.T, s Started) (said string, status int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), probeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Path)
	var out bytes.Buffer
	cmd.Args, cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = s.Args, s.Env, s.Dir, []*os.File{r}, &out, &out
	err = cmd.Start()
	r.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(s.Stage); err != nil {
		t.Error(err)
	}
	w.Close()
	cmd.Wait() // how it ended is in its state
	return out.String(), cmd.ProcessState.ExitCode()
}

// TestStageFails: whatever goes wrong, the command does not run.
func TestStageFails(t *testing.T) {
	t.Parallel()
	good := stageSpec{Command: Command{Path: "/bin/sh", Args: []string{"sh", "-c", "echo it runs"}, Dir: "/"}}
	for name, change := range map[string]func(*Started, *stageSpec){
		"no rules are possible": func(_ *Started, s *stageSpec) { s.Landlock, s.ABI = true, 99 },
		"no such command":       func(_ *Started, s *stageSpec) { s.Command.Path = "/nowhere/at/all" },
		"half a message":        func(s *Started, _ *stageSpec) { s.Stage = s.Stage[:len(s.Stage)/2] },
		"no message":            func(s *Started, _ *stageSpec) { s.Stage = nil },
	} {
		spec := good
		change(&Started{}, &spec)
		s, err := staged(spec, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(&s, &stageSpec{})
		said, status := runStage(t, s)
		if status != Failed || !strings.Contains(said, "the sandbox could not be set up") || strings.Contains(said, "it runs") {
			t.Errorf("%s: status %d, %q", name, status, said)
		}
	}
	s, err := staged(good, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if said, status := runStage(t, s); status != 0 || said != "it runs\n" {
		t.Errorf("status %d, %q", status, said)
	}
}

// TestStageEnvironment: what the command has in its environment does nothing to
// the stage, which has rights still.
func TestStageEnvironment(t *testing.T) {
	t.Parallel()
	f := Finder{}
	found := []Found{f.Landlock(), f.Bubblewrap(t.Context())}
	c := Command{Path: "/bin/sh", Args: []string{"sh", "-c", `echo "$GODEBUG|$ODD|$DRAWBRIDGE_SANDBOX_STAGE"; ls /proc/self/fd | wc -l`}, Env: []string{"GODEBUG=inittrace=1", "ODD=a\nb \xff", "PATH=/usr/bin:/bin"}, Dir: "/"}
	real, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	c.Path = real
	for _, found := range found {
		s, err := found.Wrap(c, Access{Read: System()})
		if found.Method == None {
			if !errors.Is(err, ErrNone) {
				t.Errorf("%v", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		// 0 to 2, and the folder itself.
		if said, status := runStage(t, s); status != 0 || said != "inittrace=1|a\nb \xff|\n4\n" {
			t.Errorf("%s: status %d, %q", found.Method, status, said)
		}
		if strings.Contains(strings.Join(append(s.Args, s.Env...), " "), "inittrace") {
			t.Errorf("%s: it is started as %q with %q", found.Method, s.Args, s.Env)
		}
	}
}

// TestStageVariableAlone: somebody who sets the variable by hand gets the
// program.
func TestStageVariableAlone(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.list", "TestStageVariableAlone")
	cmd.Env = append(os.Environ(), Variable+"="+Descriptor)
	if b, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(b), "TestStageVariableAlone") {
		t.Errorf("%s, %v", b, err)
	}
}

// TestFind holds what is found against what there is.
func TestFind(t *testing.T) {
	t.Parallel()
	f := Finder{}
	b, l := f.Bubblewrap(t.Context()), f.Landlock()
	if (b.Method == None) != (b.Why != "") || (l.Method == None) != (l.Why != "") {
		t.Errorf("%+v, %+v", b, l)
	}
	switch found := f.Find(t.Context()); {
	case b.Method != None && found.Method != Bubblewrap,
		b.Method == None && l.Method != None && (found.Method != Landlock || !strings.Contains(found.Better(), b.Why)),
		b.Method == None && l.Method == None && (found.Method != None || !strings.Contains(found.Why, b.Why) || !strings.Contains(found.Why, l.Why)):
		t.Errorf("%+v, of %+v and %+v", found, b, l)
	}
	if _, err := (Found{Why: "x"}).Wrap(Command{}, Access{}); err == nil {
		t.Error("nothing wraps")
	}
}

// TestBrokenBubblewrap has one that is there and does not work.
func TestBrokenBubblewrap(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "bwrap")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho 'bwrap: no permission for that' >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := Found{Method: Bubblewrap, program: program, filter: filterKnown}.probe(t.Context())
	if err == nil || err.Error() != "bwrap: no permission for that" {
		t.Errorf("%v", err)
	}
}

func TestBubblewrapArguments(t *testing.T) {
	t.Parallel()
	read, args := bubblewrapArgs(Command{Path: "/p", Args: []string{"p", "--", "-x"}, Env: []string{"A=b=c", "EMPTY="}, Dir: "/w"},
		Access{Read: []string{"/usr", "/proc", "/w/inside"}, Write: []string{"/w"}, Links: []Link{{"/home/x", "/w"}, {"/usr/y", "/w"}}})
	if !slices.Equal(args, []string{"bwrap", "--args", "3", "--", "/p", "--", "-x"}) {
		t.Errorf("%q", args)
	}
	text := strings.ReplaceAll(string(read), "\x00", " ")
	for _, want := range []string{
		"--unshare-pid ", "--die-with-parent ", "--unshare-net ", "--cap-drop ALL ", "--ro-bind-try /usr /usr ", "--bind-try /w /w ",
		"--symlink /w /home/x ", "--remount-ro / ", "--chdir /w ", "--setenv A b=c ", "--setenv EMPTY  ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nlacks %s", text, want)
		}
	}
	for _, not := range []string{"/proc /proc", "/w/inside", "/usr/y"} {
		if strings.Contains(text, not) {
			t.Errorf("%s\nhas %s", text, not)
		}
	}
	if read, _ := bubblewrapArgs(Command{Args: []string{"p"}}, Access{Network: true}); strings.Contains(string(read), "--unshare-net") {
		t.Error("the network is gone although it is permitted")
	}
}
