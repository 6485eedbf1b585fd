package shim

import "syscall"

// trim gives back the pages of the program's files that are in memory only
// because the runtime looked through its tables at the start. A page that is
// needed again comes back from the file, though with many neighbours; so this is
// for a time when nothing else is going to happen.
func trim() {
	for _, a := range cleanAreas(read("/proc/self/smaps")) {
		syscall.RawSyscall(syscall.SYS_MADVISE, a.from, a.to-a.from, syscall.MADV_DONTNEED)
	}
}

// area is a range of addresses.
type area struct{ from, to uintptr }

// cleanAreas reads /proc/self/smaps (proc(5)) and returns the areas of files
// that are mapped for reading or running alone and in which no page was ever
// written: the loader writes into some before it makes them read-only, and what
// it wrote must stay. (Private_Dirty says nothing: it counts also what the file
// itself was just written with.)
func cleanAreas(smaps []byte) (out []area) {
	clean := false
	for len(smaps) > 0 {
		line := smaps
		for i, c := range smaps {
			if c == '\n' {
				line = smaps[:i]
				break
			}
		}
		smaps = smaps[min(len(line)+1, len(smaps)):]
		if a, rest, ok := addresses(line); ok {
			clean = len(rest) > 4 && rest[0] == 'r' && rest[1] == '-' && contains(rest, '/')
			if clean {
				out = append(out, a)
			}
			continue
		}
		if clean && isDirt(line) {
			clean, out = false, out[:len(out)-1]
		}
	}
	return out
}

// isDirt reports whether a line says that pages of the area differ from the
// file, or must stay.
func isDirt(line []byte) bool {
	for i, c := range line {
		if c != ':' {
			continue
		}
		switch string(line[:i]) {
		case "Anonymous", "Swap", "Locked":
			n := numbers(line[i+1:])
			return len(n) != 1 || n[0] != 0
		}
		return false
	}
	return false
}

// addresses reads the beginning of an area's first line: "from-to access …".
func addresses(line []byte) (a area, rest []byte, ok bool) {
	from, line, ok := hexadecimal(line, '-')
	if !ok {
		return a, nil, false
	}
	to, line, ok := hexadecimal(line, ' ')
	return area{from, to}, line, ok && to > from
}

// hexadecimal reads a number and the character after it.
func hexadecimal(b []byte, end byte) (n uintptr, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | uintptr(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | uintptr(c-'a'+10)
		default:
			return n, b[i+1:], c == end && i > 0
		}
	}
	return 0, nil, false
}

func contains(b []byte, c byte) bool {
	for _, d := range b {
		if d == c {
			return true
		}
	}
	return false
}
