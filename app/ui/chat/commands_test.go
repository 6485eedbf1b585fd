package chat

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/keys"
	"github.com/drawbridge-app/drawbridge/app/ui/palette"
	"github.com/drawbridge-app/drawbridge/store"
)

// TestRun leads to each place by its shortcut.
func TestRun(t *testing.T) {
	b := newBench(t, furnished())
	focused := func() fyne.Focusable { return b.w.Canvas().Focused() }
	b.p.Run(keys.Sidebar)
	b.settle()
	if b.p.sidebar.box.Visible() {
		t.Error("the list of conversations is still there")
	}
	b.p.Run(keys.Search)
	b.settle()
	if !b.p.sidebar.box.Visible() || focused() != fyne.Focusable(b.p.sidebar.search) {
		t.Errorf("the search has no focus, but %T", focused())
	}
	b.p.Run(keys.List)
	b.settle()
	if focused() != fyne.Focusable(b.p.sidebar.list) {
		t.Errorf("the list has no focus, but %T", focused())
	}
	for _, id := range []keys.ID{keys.Model, keys.Tools, keys.Attach, keys.About} {
		b.p.Run(id)
		b.settle()
		if b.w.Canvas().Overlays().Top() == nil {
			t.Errorf("%s opens nothing", id)
			continue
		}
		b.w.Canvas().Overlays().Remove(b.w.Canvas().Overlays().Top())
	}
	if b.p.Run(keys.Quit) {
		t.Error("the page quits")
	}
}

// TestCommands finds conversations, what can be done with the one in view, and
// models.
func TestCommands(t *testing.T) {
	b := newBench(t, furnished())
	b.say("first")
	b.settle()
	b.p.o.Engine.(*engine).Keep.Favourites = []store.ModelRef{{Provider: "openai", Model: "gpt-best"}}
	var late []palette.Command
	list := b.p.Commands(func(more ...palette.Command) { late = append(late, more...) })
	b.settle()
	find := func(in []palette.Command, title string) palette.Command {
		t.Helper()
		for _, c := range in {
			if c.Title == title {
				return c
			}
		}
		t.Fatalf("there is no command %q in %+v", title, in)
		return palette.Command{}
	}
	find(late, "Use gpt-best").Do()
	b.settle()
	if got := b.p.model(); got != (store.ModelRef{Provider: "openai", Model: "gpt-best"}) {
		t.Errorf("the model is %v", got)
	}
	find(list, "Pin this conversation").Do()
	b.settle()
	if !b.p.conversation().Pinned {
		t.Error("it is not pinned")
	}
	find(list, "Rename this conversation").Do()
	b.fill("Renamed", fyne.KeyReturn)
	b.settle()
	b.row("Renamed")
	find(list, b.p.conversations[1].Title).Do()
	b.settle()
	if b.p.current != b.p.conversations[1].ID {
		t.Error("it does not open")
	}
	test.Tap(b.row("Renamed"))
	b.settle()
	find(b.p.Commands(func(...palette.Command) {}), "Archive this conversation").Do()
	b.settle()
	if b.listed("Renamed") {
		t.Error("it is not archived")
	}
}
