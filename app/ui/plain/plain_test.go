package plain_test

import (
	"testing"

	"github.com/drawbridge-app/drawbridge/app/ui/plain"
)

func TestVisible(t *testing.T) {
	for _, tt := range []struct {
		in    string
		lines bool
		want  string
	}{
		{"plain äöü 日本 🙂", false, "plain äöü 日本 🙂"},
		{"a\x1b[31mb", false, "a‹U+001B›[31mb"},
		{"a\u202eb\u200bc\u2066d", false, "a‹U+202E›b‹U+200B›c‹U+2066›d"},
		{"tag\U000E0041", false, "tag‹U+E0041›"},
		{"\u3164\u2800\ufe0f\u00a0\u00ad", false, "‹U+3164›‹U+2800›‹U+FE0F›‹U+00A0›‹U+00AD›"},
		{"a\nb\tc", true, "a\nb\tc"},
		{"a\nb\r", false, "a‹U+000A›b‹U+000D›"},
		{"bad\xff\xfe", false, "bad‹0xFF›‹0xFE›"},
		{"\ufffd", false, "\ufffd"},
	} {
		if got := plain.Visible(tt.in, tt.lines); got != tt.want {
			t.Errorf("Visible(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSpaced(t *testing.T) {
	for in, want := range map[string]string{
		"a b": "a b", " a": "·a", "a ": "a·", "a  b": "a··b", "   ": "···", "": "",
	} {
		if got := plain.Spaced(in); got != want {
			t.Errorf("Spaced(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\u202e\x00b")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range plain.Visible(s, false) {
			if r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r >= 0xe0000 && r <= 0xe007f {
				t.Fatalf("%q lets %U through", s, r)
			}
		}
	})
}
