//go:build !nowindow

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// dropProgramPages unmaps those pages of this program's file that cannot hold
// anything but what the file holds.
func dropProgramPages() error {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	areas, err := cleanAreas(f, self)
	if err != nil {
		return err
	}
	for _, a := range areas {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, a.from, a.to-a.from, unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("give back the memory from %x to %x: %w", a.from, a.to, errno)
		}
	}
	return nil
}

// area is a range of addresses.
type area struct{ from, to uintptr }

// cleanAreas reads the format of /proc/self/smaps (proc(5)) and returns the
// areas of the file that are mapped for reading or running alone, and in which
// no page was ever written. The second matters: relocated tables are written
// by the loader and only then made read-only, and a page of them that was
// dropped would come back without its relocations.
func cleanAreas(smaps io.Reader, file string) ([]area, error) {
	var (
		out   []area
		now   area
		ours  bool
		lines = bufio.NewScanner(smaps)
	)
	for lines.Scan() {
		line := lines.Text()
		name, value, _ := strings.Cut(line, ":")
		if strings.Contains(name, " ") { // the head of the next area
			var access string
			if _, err := fmt.Sscanf(line, "%x-%x %s", &now.from, &now.to, &access); err != nil {
				return nil, fmt.Errorf("read %q: %w", line, err)
			}
			ours = strings.HasPrefix(access, "r") && !strings.Contains(access, "w") && strings.HasSuffix(line, " "+file)
			if ours {
				out = append(out, now)
			}
			continue
		}
		if !ours {
			continue
		}
		switch name {
		case "Private_Dirty", "Shared_Dirty", "Anonymous", "Swap", "Locked":
			if strings.TrimSpace(value) != "0 kB" {
				out, ours = out[:len(out)-1], false
			}
		}
	}
	return out, lines.Err()
}
