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
		{ID: NewChat, Group: "Conversations", Title: "New chat", Name: fyne.KeyN, Mod: ctrl},
		{ID: NewChat, Group: "Conversations", Title: "New chat", Name: fyne.KeyO, Mod: ctrl | shift, Again: true},
		{ID: Search, Group: "Conversations", Title: "Search all conversations", Name: fyne.KeyF, Mod: ctrl | shift},
		{ID: Find, Group: "Conversations", Title: "Find in this conversation", Name: fyne.KeyF, Mod: ctrl},
		{ID: List, Group: "Conversations", Title: "Go to the list of conversations", Name: fyne.KeyL, Mod: ctrl},
		{ID: Sidebar, Group: "Conversations", Title: "Show or hide the list of conversations", Name: fyne.KeyB, Mod: ctrl},
		{ID: Model, Group: "Conversations", Title: "Choose the model", Name: fyne.KeyM, Mod: ctrl},
		{ID: Tools, Group: "Conversations", Title: "Choose the tools", Name: fyne.KeyT, Mod: ctrl},
		{ID: Attach, Group: "Conversations", Title: "Attach a file", Name: fyne.KeyA, Mod: ctrl | shift},
		{ID: About, Group: "Conversations", Title: "System prompt and more of this conversation", Name: fyne.KeyI, Mod: ctrl},

		{ID: Palette, Group: "Window", Title: "Find a command, a conversation, a model or a server", Name: fyne.KeyK, Mod: ctrl},
		{ID: Shortcuts, Group: "Window", Title: "List the shortcuts", Name: fyne.KeySlash, Mod: ctrl},
		{ID: Chat, Group: "Window", Title: "Go to the conversations", Name: fyne.Key1, Mod: ctrl},
		{ID: Servers, Group: "Window", Title: "Go to the servers", Name: fyne.Key2, Mod: ctrl},
		{ID: Gateway, Group: "Window", Title: "Go to the gateway", Name: fyne.Key3, Mod: ctrl},
		{ID: Audit, Group: "Window", Title: "Go to the audit", Name: fyne.Key4, Mod: ctrl},
		{ID: Settings, Group: "Window", Title: "Go to the settings", Name: fyne.KeyComma, Mod: ctrl},
		{ID: Settings, Group: "Window", Title: "Go to the settings", Name: fyne.Key5, Mod: ctrl, Again: true},
		{ID: Raise, Group: "Window", Title: "Raise the bridge: stop everything", Name: fyne.KeyB, Mod: ctrl | shift, Always: true},
		{ID: Quit, Group: "Window", Title: "Quit", Name: fyne.KeyQ, Mod: ctrl},

		{Group: "Writing", Title: "Send the message", Text: "Enter"},
		{Group: "Writing", Title: "Begin a new line", Text: "Shift+Enter"},
		{Group: "Writing", Title: "Stop the answer, or leave a message that is edited", Text: "Esc"},
		{Group: "Writing", Title: "Messages that you sent before, at the first and the last line", Text: "Up, Down"},
		{Group: "Writing", Title: "A prompt or a preset, at the beginning", Text: "/"},
		{Group: "Writing", Title: "A resource or a file", Text: "@"},
		{Group: "Writing", Title: "A tool", Text: "#"},
		{Group: "Writing", Title: "Go to a question of a call", Text: "Shift+Tab"},

		{Group: "List of conversations", Title: "Go to another conversation", Text: "Up, Down"},
		{Group: "List of conversations", Title: "Open it", Text: "Enter"},
		{Group: "List of conversations", Title: "Rename it", Text: "F2"},
		{Group: "List of conversations", Title: "Delete it", Text: "Del"},
		{Group: "List of conversations", Title: "What else there is", Text: "Menu, Right"},

		{Group: "Everywhere", Title: "Go to the next or the previous control", Text: "Tab, Shift+Tab"},
		{Group: "Everywhere", Title: "Press it", Text: "Space, Enter"},
		{Group: "Everywhere", Title: "Close what lies on top", Text: "Esc"},
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
	}{{fyne.KeyModifierControl, "Ctrl+"}, {fyne.KeyModifierSuper, super()}, {fyne.KeyModifierAlt, "Alt+"}, {fyne.KeyModifierShift, "Shift+"}} {
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
	return "Super+"
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
