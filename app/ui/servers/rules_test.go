package servers

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/app/ui/uitest"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func ruledServer() bridge.ServerView {
	v := uitest.Stdio("files", mcphost.Ready, "npx")
	yes, no := true, false
	v.Tools = []tools.Tool{uitest.Tool("files", "read", ""), uitest.Tool("files", "write", ""), uitest.Tool("files", "delete\u202e", "")}
	v.Tools[0].Claims = tools.Claims{ReadOnly: &yes, OpenWorld: &no}
	v.Tools[2].Claims = tools.Claims{Destructive: &yes}
	return v
}

func choice(t *testing.T, w fyne.Window, name string) *form.Select {
	t.Helper()
	return uitest.Find(t, w, func(s *form.Select) bool { return uitest.English(s.Name) == name })
}

func TestTheRulesOfAServer(t *testing.T) {
	e := uitest.NewEngine()
	e.Views = append(e.Views, ruledServer())
	e.Given = []store.ToolAnswer{{Server: "files", Tool: "write", Answer: "always"}, {Server: "other", Tool: "read", Answer: "never"}}
	_, w := open(t, e, theme.Light)
	uitest.ShowsNot(t, w, "Rules: ")
	uitest.Tap(t, w, "Rules files")
	choice(t, w, "Tools that only read").SetSelected(approvalAlways)
	choice(t, w, "All others").SetSelected(approvalNever)
	test.Tap(uitest.Find(t, w, func(s *form.Switch) bool { return uitest.English(s.Name) == "Trust this server" }))
	uitest.Fill(t, w, "Access groups", "work, code?")
	uitest.Fill(t, w, "Calls a minute", "lots")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "cannot stand in an address", "Type a whole number from 0 (no limit) to 100000.")
	uitest.Fill(t, w, "Access groups", "work, my code,work")
	uitest.Fill(t, w, "Calls a minute", "60")
	uitest.Fill(t, w, "Calls a day", "1,000")

	uitest.Tap(t, w, "Each tool")
	uitest.Shows(t, w, "claims: only reads, stays here", "claims: may destroy", "claims nothing", "delete‹U+202E›")
	if got := choice(t, w, "Answer for write").Selected; got != answerAlways {
		t.Errorf("the answer for write is %q", got)
	}
	if got := choice(t, w, "Answer for read").Selected; got != answerRules {
		t.Errorf("the answer for read is %q", got)
	}
	choice(t, w, "Answer for write").SetSelected(answerRules)
	choice(t, w, "Answer for read").SetSelected(answerNever)
	choice(t, w, "Which tools").SetSelected(modeOnly)
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "Tick the tools that may be used.")
	for _, name := range []string{"read", "write"} {
		test.Tap(uitest.Find(t, w, func(c *form.Check) bool { return c.Name == name }))
	}

	uitest.Tap(t, w, "Parameters of write")
	test.Tap(uitest.Find(t, w, func(s *form.Switch) bool { return uitest.English(s.Name) == "All parameters may be given" }))
	test.Tap(uitest.Find(t, w, func(c *form.Check) bool { return c.Name == "limit" }))
	uitest.Fill(t, w, "Value of path", "true")
	uitest.Fill(t, w, "Value of limit", "10")
	uitest.Tap(t, w, "Done")
	uitest.Shows(t, w, "Limited, fixed…")
	e.Err = errors.New("the configuration has changed in the meantime; look again")
	uitest.Tap(t, w, "Save")
	uitest.Shows(t, w, "look again.") // nothing is lost
	uitest.Tap(t, w, "Save")
	want := store.Rules{
		AllowedTools:  []string{"read", "write"},
		AllowedParams: map[string][]string{"write": {"path"}},
		FixedParams:   map[string]map[string]json.RawMessage{"write": {"path": json.RawMessage(`"true"`), "limit": json.RawMessage("10")}},
		Groups:        []string{"work", "my code"}, Trusted: true, CallsPerMinute: 60, CallsPerDay: 1000,
		Approvals: store.Approvals{Default: store.ApproveNever, ReadOnly: store.ApproveAlways},
	}
	if got := e.Ruled["files"]; !reflect.DeepEqual(got, want) {
		t.Errorf("the rules are\n%+v, want\n%+v", got, want)
	}
	if got := strings.Join(e.Did(), "\n"); !strings.Contains(got, `answer files__read "never"`) || !strings.Contains(got, `answer files__write ""`) {
		t.Errorf("it did %s", got)
	}
}

// TestRulesStay: what was set is shown, under whichever name it was written, and
// saving it again changes nothing of it.
func TestRulesStay(t *testing.T) {
	e := uitest.NewEngine()
	v := ruledServer()
	v.Server.Rules = store.Rules{
		DisallowedTools: []string{"files__write", "gone"},
		AllowedParams:   map[string][]string{"files-read": {}},
		FixedParams:     map[string]map[string]json.RawMessage{"files__read": {"path": json.RawMessage(`"/srv"`), "odd": json.RawMessage(`{"a":[1]}`)}},
		Groups:          []string{"work"}, CallsPerDay: 5, Approvals: store.Approvals{OpenWorld: store.ApproveNever},
	}
	e.Views = append(e.Views, v)
	_, w := open(t, e, theme.Light)
	uitest.Shows(t, w, "Rules: 2 tools not allowed · parameters bound · tools that reach out never run · in work · 5 calls a day")
	uitest.Tap(t, w, "Rules files")
	uitest.Tap(t, w, "Each tool")
	uitest.Shows(t, w, "gone", "The server does not offer it now.", "Limited, fixed…")
	if got := choice(t, w, "Which tools").Selected; got != modeBut {
		t.Errorf("the mode is %q", got)
	}
	uitest.Tap(t, w, "Parameters of read")
	if got := uitest.Entry(t, w, "Value of path", 0).Text; got != "/srv" {
		t.Errorf("the value is %q", got)
	}
	uitest.Tap(t, w, "Done")
	uitest.Tap(t, w, "Save")
	want := v.Server.Rules
	want.DisallowedTools = []string{"write", "gone"}
	want.AllowedParams = map[string][]string{"read": {}}
	want.FixedParams = map[string]map[string]json.RawMessage{"read": {"path": json.RawMessage(`"/srv"`), "odd": json.RawMessage(`{"a":[1]}`)}}
	if got := e.Ruled["files"]; !reflect.DeepEqual(got, want) {
		t.Errorf("the rules are\n%+v, want\n%+v", got, want)
	}
	// The built-in server has rules, too.
	uitest.Tap(t, w, "Rules workbench")
	uitest.Shows(t, w, "Rules of workbench")
	w.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	uitest.ShowsNot(t, w, "Rules of workbench")
}

func TestManyToolsAreSearched(t *testing.T) {
	e := uitest.NewEngine()
	v := ruledServer()
	for _, n := range []string{"a1", "a2", "a3", "b1", "b2", "b3"} {
		v.Tools = append(v.Tools, uitest.Tool("files", n, ""))
	}
	e.Views = append(e.Views, v)
	_, w := open(t, e, theme.Light)
	uitest.Tap(t, w, "Rules files")
	uitest.Tap(t, w, "Each tool")
	uitest.Fill(t, w, "Find a tool", "A")
	uitest.Shows(t, w, "a1", "read") // read has an a
	uitest.ShowsNot(t, w, "b1\n", "write\n")
	uitest.Fill(t, w, "Find a tool", "zzz")
	uitest.Shows(t, w, "No tool has that in its name.")
}

func TestGalleryRules(t *testing.T) {
	engine := func() *uitest.Engine {
		e := uitest.NewEngine()
		v := ruledServer()
		v.Server.Rules = store.Rules{AllowedTools: []string{"read", "write"}, Trusted: true, Groups: []string{"work"}, CallsPerMinute: 60,
			AllowedParams: map[string][]string{"write": {"path"}}, Approvals: store.Approvals{ReadOnly: store.ApproveAlways}}
		e.Views = append(e.Views, v)
		return e
	}
	at := func(tab, tool string) func(w fyne.Window) {
		return func(w fyne.Window) {
			put(engine(), w)
			uitest.Tap(t, w, "Rules files")
			if tab != "" {
				uitest.Tap(t, w, tab)
			}
			if tool != "" {
				uitest.Tap(t, w, "Parameters of "+tool)
			}
		}
	}
	uitest.Pictures(t,
		uitest.Picture{Name: "rules", Size: size, Narrow: uitest.LeastWindow, Build: at("", "")},
		uitest.Picture{Name: "rules-tools", Size: size, Narrow: uitest.LeastWindow, Build: at("Each tool", "")},
		uitest.Picture{Name: "rules-parameters", Size: size, Narrow: uitest.LeastWindow, Build: at("Each tool", "write")},
		uitest.Picture{Name: "rules-card", Size: fyne.NewSize(1028, 480), Build: func(w fyne.Window) { put(engine(), w) }})
}
