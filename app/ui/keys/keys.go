// Package keys is the one table of the shortcuts: the window binds its keys from
// it, and the list of shortcuts and the command palette show what stands here.
//
// It does nothing by itself, and nothing in it changes.
//
//	for _, k := range keys.Bound() { bind(k.ID, k.Shortcut()) }
//	label := keys.Label(keys.Palette) // Ctrl+K
package keys

import (
	"runtime"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
)

// ID names what a shortcut does.
type ID string

// What can be done by a shortcut.
const (
	NewChat   ID = "new-chat"
	Search    ID = "search"
	Find      ID = "find"
	List      ID = "list"
	Sidebar   ID = "sidebar"
	Model     ID = "model"
	Tools     ID = "tools"
	Attach    ID = "attach"
	About     ID = "about"
	Palette   ID = "palette"
	Shortcuts ID = "shortcuts"
	Chat      ID = "chat"
	Servers   ID = "servers"
	Gateway   ID = "gateway"
	Audit     ID = "audit"
	Settings  ID = "settings"
	Raise     ID = "raise"
	Quit      ID = "quit"
)

// Key is a shortcut, or a key that does something where the focus is.
type Key struct {
	ID    ID // empty for a key that belongs to what has the focus
	Group string
	Title string
	Name  fyne.KeyName
	Mod   fyne.KeyModifier
	// Text is what is shown for a key that belongs to what has the focus.
	Text string
	// Always says that it works whatever else is asked at the time.
	Always bool
	// Again says that another key of the same does it already.
	Again bool
}

const (
	ctrl  = fyne.KeyModifierShortcutDefault
	shift = fyne.KeyModifierShift
)

// All returns the table, group by group. The caller may change what it got.
func All() []Key {
	return []Key{
		{ID: NewChat, Group: say.T("Conversations"), Title: say.T("New chat"), Name: fyne.KeyN, Mod: ctrl},
		{ID: NewChat, Group: say.T("Conversations"), Title: say.T("New chat"), Name: fyne.KeyO, Mod: ctrl | shift, Again: true},
		{ID: Search, Group: say.T("Conversations"), Title: say.T("Search all conversations"), Name: fyne.KeyF, Mod: ctrl | shift},
		{ID: Find, Group: say.T("Conversations"), Title: say.T("Find in this conversation"), Name: fyne.KeyF, Mod: ctrl},
		{ID: List, Group: say.T("Conversations"), Title: say.T("Go to the list of conversations"), Name: fyne.KeyL, Mod: ctrl},
		{ID: Sidebar, Group: say.T("Conversations"), Title: say.T("Show or hide the list of conversations"), Name: fyne.KeyB, Mod: ctrl},
		{ID: Model, Group: say.T("Conversations"), Title: say.T("Choose the model"), Name: fyne.KeyM, Mod: ctrl},
		{ID: Tools, Group: say.T("Conversations"), Title: say.T("Choose the tools"), Name: fyne.KeyT, Mod: ctrl},
		{ID: Attach, Group: say.T("Conversations"), Title: say.T("Attach a file"), Name: fyne.KeyA, Mod: ctrl | shift},
		{ID: About, Group: say.T("Conversations"), Title: say.T("System prompt and more of this conversation"), Name: fyne.KeyI, Mod: ctrl},

		{ID: Palette, Group: say.T("Window"), Title: say.T("Find a command, a conversation, a model or a server"), Name: fyne.KeyK, Mod: ctrl},
		{ID: Shortcuts, Group: say.T("Window"), Title: say.T("List the shortcuts"), Name: fyne.KeySlash, Mod: ctrl},
		{ID: Chat, Group: say.T("Window"), Title: say.T("Go to the conversations"), Name: fyne.Key1, Mod: ctrl},
		{ID: Servers, Group: say.T("Window"), Title: say.T("Go to the servers"), Name: fyne.Key2, Mod: ctrl},
		{ID: Gateway, Group: say.T("Window"), Title: say.T("Go to the gateway"), Name: fyne.Key3, Mod: ctrl},
		{ID: Audit, Group: say.T("Window"), Title: say.T("Go to the audit"), Name: fyne.Key4, Mod: ctrl},
		{ID: Settings, Group: say.T("Window"), Title: say.T("Go to the settings"), Name: fyne.KeyComma, Mod: ctrl},
		{ID: Settings, Group: say.T("Window"), Title: say.T("Go to the settings"), Name: fyne.Key5, Mod: ctrl, Again: true},
		{ID: Raise, Group: say.T("Window"), Title: say.T("Raise the bridge: stop everything"), Name: fyne.KeyB, Mod: ctrl | shift, Always: true},
		{ID: Quit, Group: say.T("Window"), Title: say.T("Quit"), Name: fyne.KeyQ, Mod: ctrl},

		{Group: say.T("Writing"), Title: say.T("Send the message"), Text: say.T("Enter")},
		{Group: say.T("Writing"), Title: say.T("Begin a new line"), Text: say.T("Shift+Enter")},
		{Group: say.T("Writing"), Title: say.T("Stop the answer, or leave a message that is edited"), Text: say.T("Esc")},
		{Group: say.T("Writing"), Title: say.T("Messages that you sent before, at the first and the last line"), Text: say.T("Up, Down")},
		{Group: say.T("Writing"), Title: say.T("A prompt or a preset, at the beginning"), Text: "/"},
		{Group: say.T("Writing"), Title: say.T("A resource or a file"), Text: "@"},
		{Group: say.T("Writing"), Title: say.T("A tool"), Text: "#"},
		{Group: say.T("Writing"), Title: say.T("Go to a question of a call"), Text: say.T("Shift+Tab")},

		{Group: say.T("Thread"), Title: say.T("Go to another link in view"), Text: say.T("Left, Right")},
		{Group: say.T("Thread"), Title: say.T("Open the link"), Text: say.T("Enter")},
		{Group: say.T("Thread"), Title: say.T("Scroll"), Text: say.T("Up, Down, Page Up, Page Down, Home, End")},
		{Group: say.T("Thread"), Title: say.T("Select"), Text: say.T("Shift with those keys")},
		{Group: say.T("Thread"), Title: say.T("Copy what is selected, and as Markdown"), Text: say.T("Ctrl+C, Ctrl+Shift+C")},

		{Group: say.T("List of conversations"), Title: say.T("Go to another conversation"), Text: say.T("Up, Down")},
		{Group: say.T("List of conversations"), Title: say.T("Open it"), Text: say.T("Enter")},
		{Group: say.T("List of conversations"), Title: say.T("Rename it"), Text: "F2"},
		{Group: say.T("List of conversations"), Title: say.T("Delete it"), Text: say.T("Del")},
		{Group: say.T("List of conversations"), Title: say.T("What else there is"), Text: say.T("Menu, Right")},

		{Group: say.T("Everywhere"), Title: say.T("Go to the next or the previous control"), Text: say.T("Tab, Shift+Tab")},
		{Group: say.T("Everywhere"), Title: say.T("Press it"), Text: say.T("Space, Enter")},
		{Group: say.T("Everywhere"), Title: say.T("Close what lies on top"), Text: say.T("Esc")},
	}
}

// Bound returns the keys that the window binds.
func Bound() []Key {
	var out []Key
	for _, k := range All() {
		if k.ID != "" {
			out = append(out, k)
		}
	}
	return out
}

// Shortcut is what Fyne knows the key by.
func (k Key) Shortcut() *desktop.CustomShortcut {
	return &desktop.CustomShortcut{KeyName: k.Name, Modifier: k.Mod}
}

// Label is how people write the key.
func (k Key) Label() string {
	if k.Text != "" {
		return k.Text
	}
	var b strings.Builder
	for _, m := range []struct {
		mod  fyne.KeyModifier
		name string
	}{{fyne.KeyModifierControl, say.T("Ctrl+")}, {fyne.KeyModifierSuper, super()}, {fyne.KeyModifierAlt, say.T("Alt+")}, {fyne.KeyModifierShift, say.T("Shift+")}} {
		if k.Mod&m.mod != 0 {
			b.WriteString(m.name)
		}
	}
	return b.String() + string(k.Name)
}

func super() string {
	if runtime.GOOS == "darwin" {
		return "⌘+"
	}
	return say.T("Super+")
}

// Of returns the first shortcut of something, which must have one.
func Of(id ID) *desktop.CustomShortcut {
	for _, k := range Bound() {
		if k.ID == id {
			return k.Shortcut()
		}
	}
	panic("keys: " + string(id) + " has no shortcut")
}

// Label is how people write the shortcut of something; empty if it has none.
func Label(id ID) string {
	for _, k := range All() {
		if k.ID == id {
			return k.Label()
		}
	}
	return ""
}

// Title says what a shortcut does.
func Title(id ID) string {
	for _, k := range All() {
		if k.ID == id {
			return k.Title
		}
	}
	return ""
}
