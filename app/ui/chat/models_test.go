package chat

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/pick"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/store"
)

func TestModelPicker(t *testing.T) {
	b := newBench(t, furnished())
	if b.p.composer.models.text != "Rehearsal (no AI)" {
		t.Errorf("the button says %q", b.p.composer.models.text)
	}
	b.p.composer.models.Tapped(nil)
	b.settle()
	uitest.Shows(t, b.w, "gpt-4o", "o4-mini", "Ollama", "The provider does not answer at that address.")
	b.fill("mini")
	if got := b.offered(); !slices.Equal(got, []string{"OpenAI", "gpt-5.2-mini", "o4-mini", "Ollama", "The provider does not answer at that address. Check that it runs.", "Use “mini”", "Rehearsal (no AI)"}) {
		t.Errorf("offered are %q", got)
	}
	b.choose("o4-mini")
	b.settle()
	if b.p.composer.models.text != "OpenAI › o4-mini" {
		t.Errorf("the button says %q", b.p.composer.models.text)
	}
	if b.e.DefaultModel() != (store.ModelRef{Provider: "openai", Model: "o4-mini"}) {
		t.Errorf("new conversations start with %v", b.e.DefaultModel())
	}
	// A model that the provider does not list can be typed.
	b.p.pickModel()
	b.settle()
	b.fill("llama-unlisted", fyne.KeyReturn)
	b.settle()
	if b.p.composer.models.text != "OpenAI › llama-unlisted" {
		t.Errorf("the button says %q", b.p.composer.models.text)
	}
	b.p.pickModel()
	b.settle()
	uitest.Tap(t, b.w, "Set up a provider…")
	if fmt.Sprint(b.opened) != "[settings]" {
		t.Errorf("opened %v", b.opened)
	}
}

// TestFavourites keeps a model at the top, by the star and by its shortcut, and
// uses it by keys alone.
func TestFavourites(t *testing.T) {
	b := newBench(t, furnished())
	star := func() {
		b.w.Canvas().Focused().(fyne.Shortcutable).TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyD, Modifier: fyne.KeyModifierShortcutDefault})
		b.settle()
	}
	b.p.pickModel()
	b.settle()
	b.fill("o4")
	star()
	if got := b.e.Settings().Favourites; len(got) != 1 || got[0].Model != "o4-mini" {
		t.Fatalf("favourites: %v", got)
	}
	b.fill("", fyne.KeyEscape)
	b.settle()
	b.p.pickModel()
	b.settle()
	if got := b.offered(); len(got) < 3 || got[0] != "Favourites" || got[1] != "o4-mini" {
		t.Errorf("offered are %q", got)
	}
	b.keys(fyne.KeyReturn)
	b.settle()
	if got := b.p.composer.models.text; got != "OpenAI › o4-mini" {
		t.Errorf("the button says %q", got)
	}
	b.p.pickModel()
	b.settle()
	star()
	if got := b.e.Settings().Favourites; len(got) != 0 {
		t.Errorf("favourites: %v", got)
	}
}

// offered returns what the list on top offers.
func (b *bench) offered() (out []string) {
	b.t.Helper()
	for _, i := range uitest.Find(b.t, b.w, func(*pick.List) bool { return true }).Items() {
		out = append(out, i.Title)
	}
	return out
}

// choose taps the first row of the picker that says so.
func (b *bench) choose(text string) {
	b.t.Helper()
	test.Tap(uitest.Find(b.t, b.w, func(r pickRow) bool {
		title, _, _ := strings.Cut(r.DumpText(), "\n")
		return title == text
	}))
}
