package shim

import (
	"reflect"
	"slices"
	"testing"
)

func TestSpec(t *testing.T) {
	for _, s := range []Command{
		{Path: "/bin/true", Dir: "/", Args: []string{"true"}},
		{Path: "/a b", Dir: "/ä", Args: []string{"x", "", "-c", "a\nb"}, Env: []string{"A=", "B=\xff"}},
		{Path: "/a", Dir: "/", Args: []string{"x"}, Given: []byte("a\x00b\xff"), Wrapper: true},
		{Path: "/a", Dir: "/", Args: []string{"x"}, Given: []byte{}},
	} {
		b := Spec(s)
		if n := Number(b); n != len(b)-4 {
			t.Errorf("length %d of %d", n, len(b))
		}
		got, ok := decode(b[4:])
		if !ok || !reflect.DeepEqual(got, s) {
			t.Errorf("%v became %v", s, got)
		}
		for i := range len(b) - 4 {
			if _, ok := decode(b[4 : 4+i]); ok {
				t.Errorf("%d bytes of %d were taken for the whole", i, len(b)-4)
			}
		}
		if _, ok := decode(append(slices.Clone(b[4:]), 'x')); ok {
			t.Error("something behind the end was not noticed")
		}
	}
}

func TestNumber(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 4194304, 0x7f, 1<<31 - 1, -1} {
		if got := Number(appendNumber(nil, n)); got != n {
			t.Errorf("%d became %d", n, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Spec(Command{Path: "/bin/true", Dir: "/", Args: []string{"true"}, Env: []string{"A=b"}, Given: []byte("x")})[4:])
	f.Add([]byte("a\x00b\x00\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := decode(b)
		if again := Spec(s); ok && !slices.Equal(again[4:], b) {
			t.Errorf("%q became %q", b, again[4:])
		}
	})
}
