package mcphost

import "os"

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err == nil {
		p.Release()
	}
	return err == nil
}

// treeFixture has no modes here: jobs are tried on Windows itself.
func treeFixture(mode, argument string) bool { return false }
