package shim

import (
	"slices"
	"testing"
)

func TestSpec(t *testing.T) {
	for _, s := range []spec{
		{path: "/bin/true", dir: "/", args: []string{"true"}},
		{path: "/a b", dir: "/ä", args: []string{"x", "", "-c", "a\nb"}, env: []string{"A=", "B=\xff"}},
	} {
		b := Spec(s.path, s.dir, s.args, s.env)
		if n := Number(b); n != len(b)-4 {
			t.Errorf("length %d of %d", n, len(b))
		}
		got, ok := decode(b[4:])
		if !ok || got.path != s.path || got.dir != s.dir || !slices.Equal(got.args, s.args) || !slices.Equal(got.env, s.env) {
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
	f.Add(Spec("/bin/true", "/", []string{"true"}, []string{"A=b"})[4:])
	f.Add([]byte("a\x00b\x00\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := decode(b)
		if again := Spec(s.path, s.dir, s.args, s.env); ok && !slices.Equal(again[4:], b) {
			t.Errorf("%q became %q", b, again[4:])
		}
	})
}
