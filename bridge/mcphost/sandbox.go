package mcphost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/sandbox"
	"github.com/drawbridge-app/drawbridge/store"
)

// SandboxState says what holds a server that was to run in a sandbox.
type SandboxState struct {
	// Method is "bubblewrap", "Landlock" or "sandbox-exec"; empty where the
	// system has none.
	Method string
	// Holds are sentences: what the server is kept from.
	Holds []string
	// Gaps are sentences: what it is not kept from, where one may expect it.
	Gaps []string
	// Missing says in a sentence why there is none, or no better one.
	Missing string
}

// note continues the line of the log that says that a server was started.
func (s *SandboxState) note() string {
	switch {
	case s == nil:
		return ""
	case s.Method == "":
		return "; there is no sandbox on this system: " + s.Missing
	}
	return " in a sandbox (" + s.Method + ")"
}

// ErrNoSandbox says that a server was to run in a sandbox and that there is
// none.
var ErrNoSandbox = errors.New("no sandbox on this system")

// noSandboxError is the sentence of a server that does not start for that.
type noSandboxError struct{ why string }

func (e *noSandboxError) Error() string {
	return "It was to run in a sandbox, and this system has none, so it was not started. " + withHelp(e.why) +
		" Or edit the server: turn its sandbox off, or let it start without one."
}

// withHelp says what to do behind what is missing.
func withHelp(why string) string { return strings.TrimSpace(why + " " + sandboxHelp) }

func (e *noSandboxError) Unwrap() error { return ErrNoSandbox }

// lacksSandbox notes in a status that a server did not start for that.
func lacksSandbox(err error, s *Status) {
	var none *noSandboxError
	if errors.As(err, &none) {
		s.Sandbox = &SandboxState{Missing: withHelp(none.why)}
	}
}

// boxes finds out, once it is needed, what sandboxes the system has.
type boxes struct {
	mu    sync.Mutex // protects what follows
	found *sandbox.Found
	swept map[string]bool // private folders in which nothing is left of an earlier run
}

// find returns what the system has. What is missing may be installed meanwhile,
// so only what is there is remembered.
func (b *boxes) find(ctx context.Context, m *Manager) sandbox.Found {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.found != nil {
		return *b.found
	}
	if !windows && !mayShim.Load() {
		return sandbox.Found{Why: "The program did not call mcphost.RunShim."}
	}
	found := sandbox.Finder{Path: m.path.list(), Own: loading(m.o.Environ())}.Find(ctx)
	if found.Method == sandbox.Bubblewrap || found.Method == sandbox.Seatbelt {
		b.found = &found
	}
	return found
}

// fence is the sandbox of one server, as planned.
type fence struct {
	found  sandbox.Found
	access sandbox.Access
	folder string // of the server's own
}

// fence plans the sandbox of a server, and changes the environment and the
// folders of the spec so that the program finds its way inside. It returns nil
// where the program starts without one. Errors are sentences.
func (m *Manager) fence(ctx context.Context, c store.ServerConfig, spec *processSpec, home string) (*fence, *SandboxState, error) {
	if c.Sandbox == nil {
		return nil, nil, nil
	}
	found := m.boxes.find(ctx, m)
	if found.Method == sandbox.None {
		if !c.Sandbox.Optional {
			return nil, nil, &noSandboxError{found.Why}
		}
		return nil, &SandboxState{Missing: withHelp(found.Why)}, nil
	}
	l := newLayout(home, append(slices.Clone(m.o.Private), m.o.LogDir), m.o.Programs)
	folder, err := m.ownFolder(c.ID)
	if err != nil {
		return nil, nil, sentence(fmt.Sprintf("The server's own folder cannot be made: %s.", reason(err)), err)
	}
	l.own(folder)
	if c.Dir == "" {
		spec.dir = filepath.Join(folder, "home")
	} else if spec.dir, err = l.work(spec.dir); err != nil {
		return nil, nil, err
	}
	for _, list := range []struct {
		paths []string
		write bool
		named bool
	}{{c.Sandbox.Write, true, true}, {c.Roots, true, false}, {c.Sandbox.Read, false, true}} {
		for _, p := range list.paths {
			if err := l.grant(expandHome(p, home), list.write, list.named); err != nil {
				return nil, nil, err
			}
		}
	}
	l.runtime(spec, c)
	spec.env = l.environ(spec.env, c, folder)
	l.access.Network = c.Sandbox.Network
	return &fence{found: found, access: l.access, folder: folder}, state(found, l.access), nil
}

func state(f sandbox.Found, a sandbox.Access) *SandboxState {
	return &SandboxState{Method: string(f.Method), Holds: f.Holds(a), Gaps: f.Gaps(a), Missing: f.Better()}
}

// ownFolder returns the folder of a sandboxed server's own, where its home is.
// It is kept until the server is removed.
func (m *Manager) ownFolder(id string) (string, error) {
	folder := m.sandboxFolder(id)
	if err := os.MkdirAll(filepath.Join(folder, "home"), 0o700); err != nil {
		return "", err
	}
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return "", err
	}
	m.boxes.mu.Lock()
	defer m.boxes.mu.Unlock()
	if m.boxes.swept == nil {
		m.boxes.swept = map[string]bool{}
	}
	if m.boxes.swept[folder] {
		return folder, nil
	}
	m.boxes.swept[folder] = true
	left, err := filepath.Glob(filepath.Join(folder, "tmp-*"))
	if err != nil {
		return folder, nil // the name has something that means more to Glob; what is left stays
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			m.o.Logger.Warn("what a server left behind cannot be removed", "folder", dir, "error", err)
		}
	}
	return folder, nil
}

func (m *Manager) sandboxFolder(id string) string {
	base := m.o.SandboxDir
	if base == "" {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("drawbridge-sandboxes-%d", os.Getuid()))
	}
	return filepath.Join(base, folderFor(id))
}

// folderFor is the name of a folder for a server of that id: no other has it.
func folderFor(id string) string {
	return strings.TrimSuffix(filepath.Base(newServerLog(string(filepath.Separator), id).path), ".log")
}

// ForgetSandbox removes the home that a server has had in its sandbox, once the
// server, which is not configured any more, has ended.
func (m *Manager) ForgetSandbox(ctx context.Context, id string) error {
	m.mu.Lock()
	ending := m.endings[id]
	m.mu.Unlock()
	if ending != nil {
		select {
		case <-ending:
		case <-ctx.Done():
			return fmt.Errorf("remove the folder of a sandbox: %w", context.Cause(ctx))
		}
	}
	if err := os.RemoveAll(m.sandboxFolder(id)); err != nil {
		return fmt.Errorf("remove the folder of a sandbox: %w", err)
	}
	return nil
}

// close makes what is started from what is planned: a temporary folder, and what
// keeps the program in. left removes the folder.
func (f *fence) close(spec processSpec) (boxedSpec processSpec, left func(), err error) {
	tmp, err := os.MkdirTemp(f.folder, "tmp-")
	if err != nil {
		return spec, nil, err
	}
	left = func() { os.RemoveAll(tmp) } // what stays is swept at the next run
	access := f.access
	access.Write = append(slices.Clone(access.Write), tmp)
	env := slices.Clone(spec.env)
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		env = setenv(env, name, tmp)
	}
	s, err := f.found.Wrap(sandbox.Command{Path: spec.path, Args: spec.args, Env: env, Dir: spec.dir}, access)
	if err != nil {
		left()
		return spec, nil, err
	}
	spec.path, spec.args, spec.env, spec.dir = s.Path, s.Args, s.Env, s.Dir
	spec.box = boxed{stage: s.Stage, wrapper: s.Wrapper}
	return spec, left, nil
}

// setenv replaces a variable, or adds it.
func setenv(env []string, name, value string) []string {
	env = slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	return append(env, name+"="+value)
}
