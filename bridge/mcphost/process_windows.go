package mcphost

import (
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"

	syswin "golang.org/x/sys/windows"
)

const windows = true

// group is a job object that ends all its processes when it is closed, which
// the system does also when this program is killed. The child is assigned right
// after its start; what it starts in between stays outside.
type group struct {
	job     syswin.Handle
	process *os.Process
}

// start starts the command in a new console process group, without a window,
// and puts it into a job.
func (g *group) start(cmd *exec.Cmd) error {
	job, err := syswin.CreateJobObject(nil, nil)
	if err != nil {
		return os.NewSyscallError("CreateJobObject", err)
	}
	var limits syswin.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = syswin.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if _, err := syswin.SetInformationJobObject(job, syswin.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		syswin.CloseHandle(job)
		return os.NewSyscallError("SetInformationJobObject", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: syswin.CREATE_NEW_PROCESS_GROUP | syswin.CREATE_NO_WINDOW,
	}
	if err := cmd.Start(); err != nil {
		syswin.CloseHandle(job)
		return err
	}
	g.job, g.process = job, cmd.Process
	handle, err := syswin.OpenProcess(syswin.PROCESS_SET_QUOTA|syswin.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid))
	if err == nil {
		err = syswin.AssignProcessToJobObject(job, handle)
		syswin.CloseHandle(handle)
	}
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		syswin.CloseHandle(job)
		return os.NewSyscallError("AssignProcessToJobObject", err)
	}
	return nil
}

// terminate does nothing: a process without a console cannot be asked.
func (g *group) terminate() {}

// kill ends the whole job.
func (g *group) kill() { syswin.TerminateJobObject(g.job, 1) }

// sweep ends what the child left behind in its job.
func (g *group) sweep(time.Duration) { syswin.CloseHandle(g.job) }

func describeExit(s *os.ProcessState) string { return exitCode(s.ExitCode()) }
