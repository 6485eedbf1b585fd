package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// adopts: see system.
const adopts = true

// lookup reads /proc/PID/stat (proc_pid_stat(5)).
func lookup(pid int) (process, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	switch {
	case errors.Is(err, syscall.ESRCH):
		return process{}, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat("/proc/self/stat"); err != nil {
			return process{}, fmt.Errorf("/proc is needed to find the parents of a process: %w", err)
		}
		return process{}, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	case err != nil:
		return process{}, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	p, err := parseStat(string(stat))
	if err != nil {
		return process{}, fmt.Errorf("looking at process %d: %w", pid, err)
	}
	return p, nil
}

// parseStat takes the 4th field, the parent. The 2nd is the program's name in
// parentheses, and may itself have parentheses, spaces and line ends, so the
// fields are counted from the last parenthesis.
func parseStat(stat string) (process, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) < 2 {
		return process{}, errors.New("its state has fewer fields than expected")
	}
	parent, err := strconv.Atoi(fields[1]) // fields[0] is the 3rd
	if err != nil || parent < 0 {
		return process{}, fmt.Errorf("its parent is %.20q", fields[1])
	}
	return process{parent: parent}, nil
}
