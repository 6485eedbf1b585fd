package mcphost

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"

	syswin "golang.org/x/sys/windows"
)

const windows = true

// newTree returns a job: this system needs no shim.
func newTree([]string, boxed) (t tree, weaker string) { return &job{}, "" }

// job is a job object that ends all its processes when it is closed, which the
// system does also when this program is killed. The child is assigned before it
// runs its first instruction, so nothing that it starts is outside.
type job struct {
	handle syswin.Handle
	cmd    *exec.Cmd
}

// start starts the command in a new console process group, without a window,
// puts it into a job and lets it run.
func (j *job) start(cmd *exec.Cmd) error {
	handle, err := syswin.CreateJobObject(nil, nil)
	if err != nil {
		return os.NewSyscallError("CreateJobObject", err)
	}
	var limits syswin.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = syswin.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if _, err := syswin.SetInformationJobObject(handle, syswin.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		syswin.CloseHandle(handle)
		return os.NewSyscallError("SetInformationJobObject", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: syswin.CREATE_NEW_PROCESS_GROUP | syswin.CREATE_NO_WINDOW | syswin.CREATE_SUSPENDED,
	}
	if err := cmd.Start(); err != nil {
		syswin.CloseHandle(handle)
		return err
	}
	j.handle, j.cmd = handle, cmd
	if err = j.assign(); err == nil {
		err = resume(uint32(cmd.Process.Pid))
	}
	if err == nil {
		return nil
	}
	cmd.Process.Kill()
	cmd.Wait()
	syswin.CloseHandle(handle)
	return err
}

func (j *job) assign() error {
	process, err := syswin.OpenProcess(syswin.PROCESS_SET_QUOTA|syswin.PROCESS_TERMINATE, false, uint32(j.cmd.Process.Pid))
	if err != nil {
		return os.NewSyscallError("OpenProcess", err)
	}
	defer syswin.CloseHandle(process)
	return os.NewSyscallError("AssignProcessToJobObject", syswin.AssignProcessToJobObject(j.handle, process))
}

// resume lets a process run that was started suspended. It has one thread.
func resume(pid uint32) error {
	snapshot, err := syswin.CreateToolhelp32Snapshot(syswin.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return os.NewSyscallError("CreateToolhelp32Snapshot", err)
	}
	defer syswin.CloseHandle(snapshot)
	entry := syswin.ThreadEntry32{Size: uint32(unsafe.Sizeof(syswin.ThreadEntry32{}))}
	for err = syswin.Thread32First(snapshot, &entry); err == nil; err = syswin.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID != pid {
			continue
		}
		thread, err := syswin.OpenThread(syswin.THREAD_SUSPEND_RESUME, false, entry.ThreadID)
		if err != nil {
			return os.NewSyscallError("OpenThread", err)
		}
		defer syswin.CloseHandle(thread)
		_, err = syswin.ResumeThread(thread)
		return os.NewSyscallError("ResumeThread", err)
	}
	return errors.New("the process that was started has no thread")
}

func (j *job) pid() int { return j.cmd.Process.Pid }

func (j *job) wait() string {
	j.cmd.Wait() // how it ended is in ProcessState
	return exitCode(j.cmd.ProcessState.ExitCode())
}

// terminate does nothing: a process without a console cannot be asked.
func (j *job) terminate() {}

// kill ends the whole job.
func (j *job) kill() { syswin.TerminateJobObject(j.handle, 1) }

// sweep ends what the child left behind in its job.
func (j *job) sweep(time.Duration) { syswin.CloseHandle(j.handle) }
