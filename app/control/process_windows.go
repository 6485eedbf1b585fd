package control

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// adopts: see system.
const adopts = false

// lookup finds a process in a snapshot of all, and asks when it started.
func lookup(pid int) (process, error) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return process{}, fmt.Errorf("listing the processes: %w", err)
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(snapshot, &entry); err == nil; err = windows.Process32Next(snapshot, &entry) {
		if int(entry.ProcessID) != pid {
			continue
		}
		started, err := startOf(entry.ProcessID)
		if err != nil {
			return process{}, fmt.Errorf("looking at process %d: %w", pid, err)
		}
		return process{parent: int(entry.ParentProcessID), started: started}, nil
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return process{}, fmt.Errorf("listing the processes: %w", err)
	}
	return process{}, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
}

// startOf is when a process started, in units of 100 ns. A process of the
// system that may not be opened is as old as the system: such a one is above
// every other, and no server.
func startOf(pid uint32) (uint64, error) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return 0, nil
	}
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return 0, ErrNoProcess // it ended after the snapshot
	}
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(handle)
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(handle, &created, &exited, &kernel, &user); err != nil {
		return 0, err
	}
	return uint64(created.HighDateTime)<<32 | uint64(created.LowDateTime), nil
}
