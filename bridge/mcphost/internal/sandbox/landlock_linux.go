package sandbox

import (
	"fmt"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// configs are what each version of Landlock can take away.
var configs = []landlock.Config{
	1: landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6,
	landlock.V7, landlock.V8, landlock.V9, landlock.V10, landlock.V11,
}

// landlockABI asks the kernel for its version of Landlock; 0 without any.
func landlockABI() int {
	v, err := ll.LandlockGetABIVersion()
	if err != nil || v < 0 {
		return 0
	}
	return min(v, len(configs)-1)
}

// Devices are what every program may use of /dev.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// confine takes from this process all that the access does not have.
func confine(a Access, abi int) error {
	if abi < 1 || abi >= len(configs) {
		return fmt.Errorf("there is no version %d of Landlock", abi)
	}
	a = a.tidy()
	var rules []landlock.Rule
	for _, p := range a.Read {
		if folder, ok := kind(p); ok && folder {
			rules = append(rules, landlock.RODirs(p))
		} else if ok {
			rules = append(rules, landlock.ROFiles(p))
		}
	}
	for _, p := range a.Write {
		folder, ok := kind(p)
		switch {
		case !ok:
		case !folder:
			rules = append(rules, landlock.RWFiles(p))
		case abi >= 2:
			rules = append(rules, landlock.RWDirs(p).WithRefer())
		default:
			rules = append(rules, landlock.RWDirs(p))
		}
	}
	for _, p := range devices {
		if _, ok := kind(p); ok {
			rules = append(rules, landlock.RWFiles(p))
		}
	}
	config := configs[abi]
	if a.Network {
		config.HandledAccessNet = 0
	}
	return config.Restrict(rules...)
}

// kind reports whether a path is a folder, and whether it is there.
func kind(path string) (folder, ok bool) {
	info, err := os.Stat(path)
	return err == nil && info.IsDir(), err == nil
}

// scope keeps this process from the abstract sockets and the processes of
// others, and from nothing else.
func scope(abi int) error {
	if abi < 6 {
		return nil
	}
	config, err := landlock.NewConfig(landlock.ScopedSet(ll.ScopeAbstractUnixSocket | ll.ScopeSignal))
	if err != nil {
		return err
	}
	return config.Restrict()
}
