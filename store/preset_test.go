package store

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestMessagePreset(t *testing.T) {
	t.Parallel()
	p := MessagePreset{Name: "weather", Text: "What is the weather in {{city}} on {{ day of week }}? Not {{}}, {city}, {{a}b}} or {{\n}}; again {{city}}."}
	if got := p.Arguments(); !reflect.DeepEqual(got, []string{"city", "day of week"}) {
		t.Errorf("%q", got)
	}
	got := p.Fill(map[string]string{"city": "{{day of week}}", "other": "x"})
	if want := "What is the weather in {{day of week}} on ? Not {{}}, {city}, {{a}b}} or {{\n}}; again {{day of week}}."; got != want {
		t.Errorf("%q", got)
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []MessagePreset{{}, {Name: "x"}, {Text: "x"}, {Name: " x", Text: "x"}, {Name: "a\nb", Text: "x"}, {Name: "x", Text: " \n"}, {Name: "x", Text: "\xff"}, {Name: strings.Repeat("x", 101), Text: "x"}, {Name: "x", Text: strings.Repeat("x", 257<<10)}} {
		if err := bad.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.20q: %v", bad.Name, err)
		}
	}
}
