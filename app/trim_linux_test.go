//go:build !nowindow

package main

import (
	"slices"
	"strings"
	"testing"
)

const smapsSample = `00400000-00500000 r-xp 00000000 08:01 17 /opt/drawbridge
Size:               1024 kB
Private_Clean:       512 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
Locked:                0 kB
00500000-00600000 r--p 00100000 08:01 17 /opt/drawbridge
Private_Dirty:         0 kB
Anonymous:             0 kB
00600000-00610000 r--p 00200000 08:01 17 /opt/drawbridge
Private_Dirty:        64 kB
Anonymous:            64 kB
00610000-00700000 rw-p 00210000 08:01 17 /opt/drawbridge
Private_Dirty:         0 kB
Anonymous:             0 kB
00700000-00800000 rw-p 00000000 00:00 0
Private_Dirty:       900 kB
7f0000000000-7f0000100000 r-xp 00000000 08:01 99 /lib/libc.so.6
Private_Dirty:         0 kB
7f0000200000-7f0000300000 r--p 00000000 08:01 99 /tmp/other /opt/drawbridge.so
Private_Dirty:         0 kB
`

// What was written by the loader, what can be written and what belongs to
// another file stays.
func TestCleanAreas(t *testing.T) {
	got, err := cleanAreas(strings.NewReader(smapsSample), "/opt/drawbridge")
	if want := []area{{0x400000, 0x500000}, {0x500000, 0x600000}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %x, %v", got, err)
	}
	if _, err := cleanAreas(strings.NewReader("no address r-xp: 0 /opt/drawbridge\n"), "/opt/drawbridge"); err == nil {
		t.Error("what is no list of areas was read")
	}
}

// The program goes on when its own pages were dropped.
func TestDropProgramPages(t *testing.T) {
	for range 3 {
		if err := dropProgramPages(); err != nil {
			t.Fatal(err)
		}
	}
}
