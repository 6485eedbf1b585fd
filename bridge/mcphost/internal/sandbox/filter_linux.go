//go:build linux && (amd64 || arm64)

package sandbox

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filterKnown says that calls can be filtered on this processor.
const filterKnown = true

// Where the kernel shows a filter the number of a call, the processor's kind and
// the call's first two arguments (struct seccomp_data of linux/seccomp.h; both
// processors have the low half first).
const (
	atNumber = 0
	atArch   = 4
	atFirst  = 16
	atSecond = 24
)

// x32 is the bit of calls of another kind that amd64 has.
const x32 = 0x40000000

// filterProgram returns what the kernel runs at each call. It refuses what
// takes connections past Landlock and namespaces (io_uring makes sockets of its
// own), and the keys that the kernel keeps for the person.
func filterProgram(f filter) []unix.SockFilter {
	var p []unix.SockFilter
	load := func(at uint32) { p = append(p, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}) }
	ret := func(k uint32) { p = append(p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}) }
	// skip jumps over the next n if the loaded value is, or is not, k.
	skipIf := func(code uint16, k uint32, n uint8) {
		p = append(p, unix.SockFilter{Code: unix.BPF_JMP | code | unix.BPF_K, Jt: n, K: k})
	}
	skipUnless := func(code uint16, k uint32, n uint8) {
		p = append(p, unix.SockFilter{Code: unix.BPF_JMP | code | unix.BPF_K, Jf: n, K: k})
	}
	refuse := func(errno uint32) uint32 { return unix.SECCOMP_RET_ERRNO | errno }

	arch := uint32(unix.AUDIT_ARCH_X86_64)
	if runtime.GOARCH == "arm64" {
		arch = unix.AUDIT_ARCH_AARCH64
	}
	load(atArch)
	skipIf(unix.BPF_JEQ, arch, 1)
	ret(unix.SECCOMP_RET_KILL_PROCESS)
	load(atNumber)
	if runtime.GOARCH == "amd64" {
		skipUnless(unix.BPF_JGE, x32, 1)
		ret(unix.SECCOMP_RET_KILL_PROCESS)
	}
	for _, nr := range []uint32{unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY} {
		skipUnless(unix.BPF_JEQ, nr, 1)
		ret(refuse(uint32(unix.ENOSYS)))
	}
	if f.Truncate {
		skipUnless(unix.BPF_JEQ, unix.SYS_TRUNCATE, 1)
		ret(refuse(uint32(unix.EACCES)))
	}
	if f.Unix { // pairs are of this program alone, but an unconnected one can be sent anywhere
		skipUnless(unix.BPF_JEQ, unix.SYS_SOCKETPAIR, 5)
		load(atSecond)
		p = append(p, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf})
		skipUnless(unix.BPF_JEQ, unix.SOCK_DGRAM, 1)
		ret(refuse(uint32(unix.EACCES)))
		ret(unix.SECCOMP_RET_ALLOW)
	}
	if f.Unix || f.Network {
		allowed := []uint32{unix.AF_NETLINK} // by which programs see their own interfaces
		if !f.Unix {
			allowed = append(allowed, unix.AF_UNIX)
		}
		if !f.Network {
			allowed = append(allowed, unix.AF_INET, unix.AF_INET6)
		}
		skipIf(unix.BPF_JEQ, unix.SYS_SOCKET, 1)
		ret(unix.SECCOMP_RET_ALLOW)
		load(atFirst)
		for _, family := range allowed {
			skipUnless(unix.BPF_JEQ, family, 1)
			ret(unix.SECCOMP_RET_ALLOW)
		}
		ret(refuse(uint32(unix.EACCES)))
		return p
	}
	ret(unix.SECCOMP_RET_ALLOW)
	return p
}

// install has the kernel use the filter for this thread and all that it starts.
func (f filter) install() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	program := filterProgram(f)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	return os.NewSyscallError("prctl", unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0))
}
