package sandbox

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestTidy(t *testing.T) {
	t.Parallel()
	got := Access{Read: []string{"/usr", "/usr/bin", "/a/b", "/a", "/w/x", "/etc/"}, Write: []string{"/w/y", "/w", "/wx"}}.tidy()
	want := Access{Read: []string{"/a", "/etc", "/usr"}, Write: []string{"/w", "/wx"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	for _, tt := range []struct {
		path, folder string
		want         bool
	}{{"/a", "/a", true}, {"/a/b", "/a", true}, {"/ab", "/a", false}, {"/a", "/a/b", false}, {"/a", "/", true}, {"/", "/", true}} {
		if got := below(tt.path, tt.folder); got != tt.want {
			t.Errorf("%s below %s: %v", tt.path, tt.folder, got)
		}
	}
}

func TestStageSpec(t *testing.T) {
	t.Parallel()
	want := stageSpec{
		Command:  Command{Path: "/a b", Args: []string{"x", "", "\xff"}, Env: []string{"A=\xff\n"}, Dir: "/"},
		Landlock: true, ABI: 6, Access: Access{Read: []string{"/usr"}, Network: true, Links: []Link{{"/a", "/b"}}},
		Filter: filter{On: true, Unix: true}, Given: []byte("a\x00b"),
	}
	b, err := encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(bytes.NewReader(b))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for i := range b {
		if _, err := decode(bytes.NewReader(b[:i])); err == nil {
			t.Errorf("%d bytes of %d were taken for the whole", i, len(b))
		}
	}
}

// TestSeatbelt: nothing that is a path can say more than a path.
func TestSeatbelt(t *testing.T) {
	t.Parallel()
	odd := `/a") (allow default) ("` + `\`
	profile := seatbelt(Access{Read: []string{"/usr", odd}, Write: []string{"/w"}})
	for _, want := range []string{
		"(version 1)\n(deny default)\n", `(subpath "/usr")`, `(allow file-read* file-write* (subpath "/w"))`,
		`(subpath "/a\") (allow default) (\"\\")`,
	} {
		if !strings.Contains(profile, want) {
			t.Errorf("%s\nlacks %s", profile, want)
		}
	}
	if strings.Contains(profile, "(allow network-outbound (remote ip))") {
		t.Error("the network is permitted")
	}
	if open := seatbelt(Access{Network: true}); !strings.Contains(open, "(allow network-outbound (remote ip))") || strings.Contains(open, "(subpath \"/usr\")") {
		t.Errorf("%s", open)
	}
	depth := 0
	inside, escaped := false, false
	for _, r := range profile {
		switch {
		case escaped:
			escaped = false
		case inside && r == '\\':
			escaped = true
		case r == '"':
			inside = !inside
		case !inside && r == '(':
			depth++
		case !inside && r == ')':
			depth--
		}
		if depth < 0 {
			t.Fatal("the profile closes what was not opened")
		}
	}
	if depth != 0 || inside {
		t.Errorf("the profile does not end: depth %d, in quotes %v", depth, inside)
	}
}

// TestTruth: what is told follows from what there is.
func TestTruth(t *testing.T) {
	t.Parallel()
	has := func(list []string, text string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, text) })
	}
	for _, tt := range []struct {
		name              string
		found             Found
		network           bool
		holds, gaps, nots []string
		refused           bool
	}{
		{"bubblewrap", Found{Method: Bubblewrap, scope: true, filter: true}, false, []string{"sees no other files", "makes no connection", "sees only its own"}, nil, []string{"socket"}, false},
		{"bubblewrap and the network", Found{Method: Bubblewrap, scope: true}, true, []string{"sees no other files"}, []string{"may use the network"}, []string{"abstract"}, false},
		{"bubblewrap alone and the network", Found{Method: Bubblewrap}, true, nil, []string{"abstract sockets"}, nil, false},
		{"Landlock 7", Found{Method: Landlock, abi: 7, scope: true, filter: true}, false, []string{"opens no other files", "makes no connection", "signals only to its own", "cannot connect to the sockets"}, []string{"which files exist"}, nil, false},
		{"Landlock 4", Found{Method: Landlock, abi: 4, filter: true}, false, []string{"makes no connection"}, []string{"send signals to your other"}, []string{"empty files"}, false},
		{"Landlock 1", Found{Method: Landlock, abi: 1, filter: true}, false, []string{"makes no connection"}, nil, []string{"TCP", "empty files"}, false},
		{"Landlock 4 without a filter", Found{Method: Landlock, abi: 4}, false, []string{"no TCP connection"}, []string{"sockets of programs", "datagrams"}, []string{"It can use the network", "no connection."}, false},
		{"Landlock 3 without a filter", Found{Method: Landlock, abi: 3}, false, nil, []string{"It can use the network"}, nil, true},
		{"Landlock 2 without a filter", Found{Method: Landlock, abi: 2}, true, nil, []string{"empty files"}, nil, true},
		{"none", Found{}, false, nil, nil, []string{"Files", "network"}, false},
	} {
		a := Access{Network: tt.network}
		holds, gaps := tt.found.Holds(a), tt.found.Gaps(a)
		for _, want := range tt.holds {
			if !has(holds, want) {
				t.Errorf("%s: %q does not say %q", tt.name, holds, want)
			}
		}
		for _, want := range tt.gaps {
			if !has(gaps, want) {
				t.Errorf("%s: %q does not say %q", tt.name, gaps, want)
			}
		}
		for _, not := range tt.nots {
			if has(slices.Concat(holds, gaps), not) {
				t.Errorf("%s: %q and %q say %q", tt.name, holds, gaps, not)
			}
		}
		if err := tt.found.enforces(a); (err != nil) != tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
