package shim

import (
	"os"
	"slices"
	"testing"
)

func TestNumbers(t *testing.T) {
	for text, want := range map[string][]int{
		"": nil, "12": {12}, "12 7 \n": {12, 7}, " 3": {3}, "x 1": nil, "1x": nil, "0 -1 5": {0}, "self": nil,
	} {
		if got := numbers([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %v", text, got)
		}
	}
	for n, want := range map[int]string{0: "0", 7: "7", 4194304: "4194304"} {
		if got := decimal(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func TestParentOf(t *testing.T) {
	if got := parentOf(os.Getpid()); got != os.Getppid() {
		t.Errorf("%d, want %d", got, os.Getppid())
	}
	if got := parentOf(1 << 30); got != 0 {
		t.Errorf("a process that is not there has the parent %d", got)
	}
}

func TestDescends(t *testing.T) {
	parents := map[int]int{2: 1, 10: 2, 11: 10, 12: 11, 20: 2, 30: 31, 31: 30}
	for pid, want := range map[int]bool{10: false, 11: true, 12: true, 20: false, 30: false, 99: false} {
		if got := descends(pid, 10, parents); got != want {
			t.Errorf("%d: %v", pid, got)
		}
	}
}

const smapsSample = `00400000-00500000 r-xp 00000000 08:01 17 /opt/drawbridge
Private_Dirty:         0 kB
Anonymous:             0 kB
Locked:                0 kB
00500000-00600000 r--p 00100000 08:01 17 /opt/drawbridge (deleted)
Private_Dirty:        64 kB
Anonymous:             0 kB
00600000-00610000 r--p 00200000 08:01 17 /opt/drawbridge
Anonymous:            64 kB
00610000-00700000 rw-p 00210000 08:01 17 /opt/drawbridge
Private_Dirty:         0 kB
00700000-00800000 rw-p 00000000 00:00 0
Private_Dirty:       900 kB
7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0 [vdso]
Private_Dirty:         0 kB
7f0000000000-7f0000100000 r-xp 00000000 08:01 99 /lib/libc.so.6
Private_Dirty:         0 kB
VmFlags: rd ex mr mw me`

func TestCleanAreas(t *testing.T) {
	want := []area{{0x400000, 0x500000}, {0x500000, 0x600000}, {0x7f0000000000, 0x7f0000100000}}
	if got := cleanAreas([]byte(smapsSample)); !slices.Equal(got, want) {
		t.Errorf("got %x", got)
	}
	trim() // and the program goes on
	if got := cleanAreas(read("/proc/self/smaps")); len(got) == 0 {
		t.Error("this program has no file in memory")
	}
}
