package sandbox

import (
	"fmt"
	"strings"
)

// seatbelt writes the profile for sandbox-exec: everything is forbidden but
// what is named.
func seatbelt(a Access) string {
	a = a.tidy()
	var b strings.Builder
	b.WriteString(`(version 1)
(deny default)
(import "system.sb")
(allow process-exec process-fork)
(allow process-info* (target same-sandbox))
(allow signal (target same-sandbox))
(allow sysctl-read)
(allow file-read-metadata)
(allow file-ioctl (literal "/dev/dtracehelper"))
(allow file-read* (literal "/") (literal "/dev/random") (literal "/dev/urandom") (literal "/dev/zero") (literal "/dev/null") (literal "/dev/autofs_nowait") (subpath "/dev/fd"))
(allow file-write-data (literal "/dev/null") (literal "/dev/zero") (literal "/dev/dtracehelper") (subpath "/dev/fd"))
(allow ipc-posix-shm-read* ipc-posix-sem)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo") (global-name "com.apple.system.logger") (global-name "com.apple.system.notification_center") (global-name "com.apple.trustd") (global-name "com.apple.trustd.agent") (global-name "com.apple.SystemConfiguration.configd"))
`)
	rule := func(what string, paths []string) {
		if len(paths) == 0 {
			return
		}
		fmt.Fprintf(&b, "(allow %s", what)
		for _, p := range paths {
			fmt.Fprintf(&b, " (subpath %s)", quote(p))
		}
		b.WriteString(")\n")
	}
	rule("file-read*", a.Read)
	rule("file-read* file-write*", a.Write)
	if a.Network {
		b.WriteString("(allow network-outbound (remote ip))\n(allow network-bind network-inbound (local ip))\n(allow network-outbound (literal \"/private/var/run/mDNSResponder\"))\n(allow system-socket)\n")
	}
	return b.String()
}

// quote writes a text as a profile has it. Only these two mean something inside
// quotes.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
