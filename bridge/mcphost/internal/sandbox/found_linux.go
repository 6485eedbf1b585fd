package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// probeLimit is for a program to show that it works.
const probeLimit = 5 * time.Second

func (f Finder) find(ctx context.Context) Found {
	b := f.Bubblewrap(ctx)
	if b.Method != None {
		return b
	}
	l := f.Landlock()
	if l.Method != None {
		l.mend = b.Why
		return l
	}
	return none(b.Why, l.Why)
}

// Landlock returns what the kernel has of that.
func (f Finder) Landlock() Found {
	abi := landlockABI()
	if abi < 1 {
		return none("The kernel has no Landlock, or it is switched off.")
	}
	return Found{Method: Landlock, abi: abi, scope: abi >= 6, filter: filterKnown, own: f.Own}
}

// Bubblewrap looks for the program and has it run a command. It works with
// Landlock and a filter before it, which a bubblewrap that is setuid cannot do.
func (f Finder) Bubblewrap(ctx context.Context) Found {
	program := ""
	for _, dir := range slices.Concat([]string{"/usr/bin", "/bin", "/usr/local/bin", "/run/current-system/sw/bin"}, f.Path) {
		p := filepath.Join(dir, "bwrap")
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			program = p
			break
		}
	}
	if program == "" {
		return none("Bubblewrap (bwrap) is not installed.")
	}
	abi := landlockABI()
	found := Found{Method: Bubblewrap, program: program, own: f.Own, abi: abi, scope: abi >= 6, filter: filterKnown}
	err := found.probe(ctx)
	if err != nil && (found.scope || found.filter) {
		found.scope, found.filter = false, false
		err = found.probe(ctx)
	}
	if err != nil {
		return none("Bubblewrap is installed and does not work: " + strings.TrimSuffix(err.Error(), ".") + ".")
	}
	return found
}

// probe runs a command that does nothing.
func (f Found) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		return err
	}
	s, err := f.wrap(Command{Path: shell, Args: []string{"sh", "-c", ":"}, Dir: "/"}, Access{Read: System()})
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, s.Path)
	cmd.Args, cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.Stderr = s.Args, s.Env, "/", []*os.File{r}, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = time.Second
	err = cmd.Start()
	r.Close()
	if err != nil {
		w.Close()
		return err
	}
	_, werr := w.Write(s.Stage) // a few kilobytes, which the pipe holds
	w.Close()
	if err := cmd.Wait(); err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		if last := lines[len(lines)-1]; last != "" {
			return fmt.Errorf("%.300s", last)
		}
		return err
	}
	return werr
}

func (f Found) wrap(c Command, a Access) (Started, error) {
	switch f.Method {
	case Bubblewrap:
		read, args := bubblewrapArgs(c, a)
		spec := stageSpec{
			Command: Command{Path: f.program, Args: args}, ABI: f.abi, Scope: f.scope, Given: read,
			Filter: filter{On: f.filter},
		}
		s, err := staged(spec, "/", f.own)
		s.Wrapper = true
		return s, err
	case Landlock:
		spec := stageSpec{Command: c, Landlock: true, ABI: f.abi, Access: a}
		if f.filter {
			spec.Filter = filter{On: true, Unix: true, Network: !a.Network, Truncate: f.abi < 3}
		}
		return staged(spec, c.Dir, f.own)
	}
	return Started{}, fmt.Errorf("%w: %s", ErrNone, f.Why)
}
