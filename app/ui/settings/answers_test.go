package settings

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/store"
)

func answered() (*uitest.Engine, []bridge.ServerView) {
	e := uitest.NewEngine()
	e.Given = []store.ToolAnswer{
		{Server: "w", Tool: "write_a_file_with_quite_a_long_name_for_a_tool", Answer: "never"}, {Server: "f", Tool: "read", Answer: "always"}, {Server: "gone", Tool: "old", Answer: "ask"},
	}
	files, web := uitest.Stdio("files", mcphost.Ready, "npx"), uitest.Stdio("web", mcphost.Ready, "npx")
	files.Server.ID, web.Server.ID = "f", "w"
	web.Server.Rules = store.Rules{Groups: []string{"g"}, Approvals: store.Approvals{ReadOnly: store.ApproveAlways, Default: store.ApproveNever}}
	return e, []bridge.ServerView{files, web}
}

func TestAnswersAreChangedAndReset(t *testing.T) {
	e, views := answered()
	w := uitest.Window(t, theme.Light, fyne.NewSize(900, 900))
	p := put(e, w, nil)
	p.SetServers(views)
	uitest.Shows(t, w, "Tools and approvals", "files", "web", "gone", "By its rules, tools that only read run unasked, all others never run.")
	answer := uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == "Answer for read" })
	if answer.Selected != answerAlways {
		t.Errorf("the answer for read is %q", answer.Selected)
	}
	answer.SetSelected(answerNever)
	if !slices.Contains(e.Did(), `answer f__read "never"`) {
		t.Errorf("it did %v", e.Did())
	}
	uitest.Tap(t, w, "Ask again for old")
	uitest.ShowsNot(t, w, "gone")
	uitest.Tap(t, w, "Reset the rules of web")
	if got := e.Ruled["w"]; got.Approvals != (store.Approvals{}) || !slices.Equal(got.Groups, []string{"g"}) {
		t.Errorf("the rules are %+v", got)
	}
	e.Err = errors.New("the database is locked")
	uitest.Tap(t, w, "Ask again for read")
	uitest.Shows(t, w, "The database is locked.", "read")

	uitest.Tap(t, w, "Reset all")
	if len(e.Given) != 0 {
		t.Errorf("%v stay", e.Given)
	}
	uitest.Tap(t, w, "Undo the deletion")
	if len(e.Given) != 2 {
		t.Errorf("Undo gave %v back", e.Given)
	}
	uitest.Tap(t, w, "Reset all")
	if len(e.Given) != 0 {
		t.Errorf("%v stay", e.Given)
	}
	views[1].Server.Rules.Approvals = store.Approvals{}
	p.SetServers(views)
	uitest.Shows(t, w, "stands here.")
	if n := strings.Count(strings.Join(e.Did(), "\n"), "rules of w"); n != 4 {
		t.Errorf("the rules of web were set %d times", n)
	}
}

func TestGalleryAnswers(t *testing.T) {
	build := func(w fyne.Window) {
		e, views := answered()
		p := put(e, w, nil)
		p.SetServers(views)
		w.SetContent(container.NewVScroll(form.Pad(20, 20, p.answers.Box)))
	}
	uitest.Pictures(t, uitest.Picture{Name: "answers", Size: fyne.NewSize(820, 600), Narrow: fyne.NewSize(540, 600), Build: build})
}
