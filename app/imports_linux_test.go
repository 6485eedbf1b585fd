package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// guardVariable says what a guarded process does.
const guardVariable = "DRAWBRIDGE_TEST_GUARD"

// neverAgain has the kernel end this process as soon as it starts another, or
// becomes another program. Threads are still made. It cannot be taken back.
func neverAgain() error {
	// BPF: load, jump if equal, jump if a bit is set, return.
	const load, equal, bit, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const number, flags = 0, 16 // offsets in struct seccomp_data
	const end, allow, unknown = unix.SECCOMP_RET_KILL_PROCESS, unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | uint32(syscall.ENOSYS)
	filter := []unix.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: unix.SYS_EXECVE, Jt: 6},
		{Code: equal, K: unix.SYS_EXECVEAT, Jt: 5},
		{Code: equal, K: unix.SYS_CLONE3, Jt: 5}, // then clone is used, whose flags can be seen
		{Code: equal, K: unix.SYS_CLONE, Jf: 2},
		{Code: load, K: flags},
		{Code: bit, K: unix.CLONE_THREAD, Jf: 1},
		{Code: ret, K: allow},
		{Code: ret, K: end},
		{Code: ret, K: unknown},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new rights: %w", err)
	}
	if at, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 || at != 0 {
		return fmt.Errorf("set the filter: %v, thread %d", errno, at)
	}
	return nil
}

// TestImportsStartNothing imports whatever there is, in a process that the kernel
// ends when it starts another: files of other apps, hostile texts, links and
// bundles are read, reviewed and kept, and every server waits. The same process
// is ended once a person approves one, which shows that the guard works.
func TestImportsStartNothing(t *testing.T) {
	switch os.Getenv(guardVariable) {
	case "":
	case "approve":
		guarded(t, true)
		return
	default:
		guarded(t, false)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"import", "approve"} {
		cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestImportsStartNothing$", "-test.count=1", "-test.v")
		cmd.Env = append(os.Environ(), guardVariable+"="+what)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		ended := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGSYS
		switch {
		case what == "import" && (err != nil || !bytes.Contains(out, []byte("--- PASS: TestImportsStartNothing"))):
			t.Fatalf("with the guard: %v\n%s", err, out)
		case what == "approve" && !ended:
			t.Fatalf("the guard lets programs start: %v\n%s", err, out)
		}
	}
}

func guarded(t *testing.T, approve bool) {
	// Whatever name a configuration calls is one of these, which says so.
	told := filepath.Join(t.TempDir(), "told")
	traps := t.TempDir()
	for _, name := range []string{"npx", "npm", "node", "uvx", "uv", "python3", "python", "sh", "bash", "docker", "trap", "env", "sudo", "xdg-open", "open", "gh-mcp"} {
		if err := os.WriteFile(filepath.Join(traps, name), []byte("#!/bin/sh\necho \"$0 $*\" >> "+told+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	trap := filepath.Join(traps, "trap")
	t.Setenv("PATH", traps)
	home := t.TempDir()
	if err := os.CopyFS(home, os.DirFS(filepath.Join("..", "bridge", "setup", "testdata", "home"))); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	bundle := filepath.Join(t.TempDir(), "evil.mcpb")
	writeBundle(t, bundle, map[string]string{
		"manifest.json": fmt.Sprintf(`{"manifest_version": "0.3", "name": "bundled", "version": "1", "server": {"type": "binary", "entry_point": "run", "mcp_config": {"command": "${__dirname}/run", "args": ["$(%[1]s)", "; %[1]s"]}}}`, trap),
		"run":           "#!/bin/sh\n" + trap + "\n",
	})
	if err := neverAgain(); err != nil {
		t.Fatal(err)
	}

	b := openBridge(t)
	var chosen []setup.Compared
	take := func(list []setup.Compared) {
		for _, e := range list {
			if len(e.Draft.Fields) > 0 {
				values := map[string][]string{}
				for _, f := range e.Draft.Fields {
					values[f.Key] = []string{"/x"}
					if len(f.Options) > 0 {
						values[f.Key] = f.Options[:1]
					}
				}
				full, err := e.Draft.Fill(values)
				if err != nil {
					continue
				}
				e.Draft = full
			}
			name := setup.UniqueName(e.Draft.Config.Name, func(n string) bool {
				for _, c := range chosen {
					if c.Draft.Config.Name == n {
						return true
					}
				}
				return false
			})
			e.Draft = e.Draft.Rename(name)
			chosen = append(chosen, setup.Compared{Draft: e.Draft, State: setup.New})
		}
	}
	apps := 0
	for _, i := range b.Imports(t.Context()) {
		apps++
		take(i.Entries)
	}
	if apps < 10 {
		t.Errorf("%d apps were found", apps)
	}
	hostile, err := os.ReadFile(filepath.Join("..", "bridge", "setup", "testdata", "texts", "hostile.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(hostile),
		fmt.Sprintf(`{"mcpServers":{"direct":{"command":%[1]q,"alwaysAllow":["*"],"trust":true,"autoApprove":true},"shell":{"command":"sh","args":["-c",%[1]q]},"ticks":{"command":"npx","args":["$(%[2]s)","`+"`%[2]s`"+`","; %[2]s","&& %[2]s","| %[2]s"],"env":{"A":"$(%[2]s)","LD_PRELOAD":%[1]q}}}}`, trap, trap),
		"cursor://anysphere.cursor-deeplink/mcp/install?name=linked&config=eyJjb21tYW5kIjoibnB4IiwiYXJncyI6WyItYyIsIiQodHJhcCkiXX0=",
		"vscode:mcp/install?%7B%22name%22%3A%22linked2%22%2C%22command%22%3A%22trap%22%7D",
		"goose://extension?cmd=trap&arg=-y&env=A%3Db&name=linked3",
	} {
		i, err := b.ReadImport([]byte(strings.TrimSpace(text)), "")
		if err != nil {
			t.Errorf("%.60s: %v", text, err)
			continue
		}
		take(i.Entries)
	}
	added, err := b.ImportServers(t.Context(), chosen, false)
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.OpenBundle(t.Context(), bundle)
	if err != nil {
		t.Fatal(err)
	}
	one, err := b.AddServer(t.Context(), d, false)
	if err != nil {
		t.Fatal(err)
	}
	added = append(added, one)
	if len(added) < 40 {
		t.Errorf("only %d servers were added", len(added))
	}
	if err := b.KnowServers(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range added {
		if v := settle(t, b, c.ID); v.State != mcphost.Held && v.State != mcphost.Disabled {
			t.Errorf("%q is %s: %s", c.Name, v.State, v.Error)
		}
	}
	if said, err := os.ReadFile(told); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("programs ran: %s", said)
	}
	if !approve {
		return
	}
	approveOne(t, b, added)
	t.Error("a person's approval started nothing")
}

// approveOne has a person approve a server that runs a program.
func approveOne(t *testing.T, b *bridge.Bridge, added []store.ServerConfig) {
	for _, c := range added {
		if c.Name != "direct" {
			continue
		}
		if err := b.ApproveServer(t.Context(), c.ID, c.Hash()); err != nil {
			t.Fatal(err)
		}
		settle(t, b, c.ID)
	}
}
