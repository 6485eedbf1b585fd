package sandbox

import (
	"os"
	"slices"
	"strings"
)

// namespaces are what bubblewrap always gives to a command of its own.
var namespaces = []string{
	"--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
	"--die-with-parent", "--new-session", "--cap-drop", "ALL",
}

// given is the descriptor from which bubblewrap reads its arguments: they have
// the environment of the command, which must not be in a list of processes.
const given = "3"

// bubblewrapArgs returns the arguments that bubblewrap reads, and those that it
// is started with.
func bubblewrapArgs(c Command, a Access) (read []byte, args []string) {
	a = a.tidy()
	list := slices.Clone(namespaces)
	if !a.Network {
		list = append(list, "--unshare-net")
	}
	list = append(list, "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp")
	type mount struct {
		option, path string
	}
	var mounts []mount
	for _, p := range a.Read {
		mounts = append(mounts, mount{"--ro-bind-try", p})
	}
	for _, p := range a.Write {
		mounts = append(mounts, mount{"--bind-try", p})
	}
	slices.SortFunc(mounts, func(a, b mount) int { return strings.Compare(a.path, b.path) }) // parents first
	for _, m := range mounts {
		if below(m.path, "/dev") || below(m.path, "/proc") {
			continue // it has its own
		}
		list = append(list, m.option, m.path, m.path)
	}
	for _, name := range topLinks() {
		if target, err := os.Readlink(name); err == nil {
			list = append(list, "--symlink", target, name)
		}
	}
	for _, link := range a.Links {
		if !slices.ContainsFunc(mounts, func(m mount) bool { return below(link.Name, m.path) || below(m.path, link.Name) }) {
			list = append(list, "--symlink", link.Target, link.Name)
		}
	}
	// What is made outside of what was granted would be lost without a word.
	list = append(list, "--remount-ro", "/", "--chdir", c.Dir)
	for _, kv := range c.Env {
		name, value, _ := strings.Cut(kv, "=")
		list = append(list, "--setenv", name, value)
	}
	for _, s := range list {
		read = append(append(read, s...), 0)
	}
	args = append([]string{"bwrap", "--args", given, "--", c.Path}, c.Args[1:]...)
	return read, args
}

// topLinks are the links in the root folder by which programs are named on most
// systems, and /var/run.
func topLinks() []string {
	var out []string
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/var/run"} {
		if info, err := os.Lstat(name); err == nil && info.Mode()&os.ModeSymlink != 0 {
			out = append(out, name)
		}
	}
	return out
}
