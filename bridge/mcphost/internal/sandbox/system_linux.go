package sandbox

import (
	"path/filepath"
	"slices"
)

// System are the files and folders of the system that every program may read.
// The temporary folders, the homes of people and the sockets of services are not
// among them.
func System() []string {
	var out []string
	for _, p := range []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/etc", "/sys", "/proc",
		"/nix/store", "/run/current-system", "/gnu/store", "/snap", "/var/lib/ca-certificates", "/var/lib/flatpak/exports",
		"/home/linuxbrew/.linuxbrew", "/run/systemd/resolve", "/run/NetworkManager/resolv.conf", "/run/resolvconf",
		"/mnt/wsl/resolv.conf", "/usr/local", "/var/cache/fontconfig", "/var/lib/alternatives", "/var/lib/dpkg/alternatives",
	} {
		if real, err := filepath.EvalSymlinks(p); err == nil && !slices.Contains(out, real) {
			out = append(out, real)
		}
	}
	return out
}
