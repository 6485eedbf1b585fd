package chat

import (
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"github.com/drawbridge-app/drawbridge/app/ui/form"
	"github.com/drawbridge-app/drawbridge/app/ui/pick"
	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/theme"
	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// sidebarWidth is how wide the list of conversations is.
const sidebarWidth float32 = 232

// runState is what a conversation does now.
type runState int

const (
	stateIdle runState = iota
	stateRunning
	stateAsking // the person is being asked something
	stateFailed // its last turn failed, and nobody has seen that yet
)

// words says what a conversation does; empty for nothing.
func (s runState) words() string {
	return [...]string{stateRunning: say.T("working"), stateAsking: say.T("waits for you"), stateFailed: say.T("failed")}[s]
}

// sidebarActions is what the sidebar does when it is used.
type sidebarActions struct {
	newChat func()
	open    func(store.Conversation)
	// openHit opens a conversation at what was found with these words.
	openHit      func(h store.Hit, query string)
	rename       func(c store.Conversation, title string)
	delete       func(store.Conversation)
	pin, archive func(c store.Conversation, on bool)
	export       func(c store.Conversation, f bridge.ExportFormat)
	search       func(query string) // its answer is setFound
	leave        func()             // keys go back to the composer
}

// sidebar is the list of conversations, grouped by day, and the search over all
// that was said in them.
type sidebar struct {
	do   sidebarActions
	box  *fyne.Container
	list *convList
	// search is the field, hits are what was found, said tells how much was
	// compared.
	search   *pick.Entry
	hits     *pick.List
	said     *form.Note
	none     *form.Note      // that nothing is found
	plain    *fyne.Container // the list, while nothing is looked for
	finding  *fyne.Container
	empty    *form.Note
	archived *chip
	undo     *form.Undo
	now      func() time.Time

	all      []store.Conversation
	lines    []line
	states   map[string]runState
	current  string
	aside    bool // the archived ones are listed
	found    store.Found
	answered string    // what found is the answer to
	renamed  *renaming // nil unless a title is being written
}

// line is a row of the list: a day, or a conversation.
type line struct {
	day  string
	conv store.Conversation
}

func newSidebar(now func() time.Time, r form.Runner, do sidebarActions) *sidebar {
	s := &sidebar{now: now, do: do, states: map[string]runState{}}
	s.list = newConvList(s)
	s.hits = pick.NewList(true)
	s.hits.OnEscape = s.endSearch
	s.search = pick.NewEntry(say.T("Search all conversations"), say.T("Search"), s.hits)
	s.search.SetIcon(theme.Icon(theme.IconSearch))
	s.search.OnChanged = func(string) { s.lookFor() }
	s.search.OnEscape = func() bool {
		s.endSearch()
		return true
	}
	s.said = form.Muted("")
	s.said.Hide()
	s.empty = form.Muted("")
	s.archived = newChip(say.T("Show the archived conversations"), say.T("Archived"), theme.IconArchive, "", s.turnArchive)
	s.archived.wide = true
	s.undo = form.NewUndo(r)
	s.undo.Narrow()
	button := form.NewAction(say.T("New chat"), widget.MediumImportance, do.newChat)
	button.Icon = theme.Icon(theme.IconNewChat)
	button.Alignment = widget.ButtonAlignLeading
	head := container.New(layout.NewCustomPaddedLayout(12, 8, 10, 10),
		container.New(layout.NewCustomPaddedVBoxLayout(6), button, s.search))
	s.plain = container.NewStack(s.list, form.Pad(14, 4, container.NewVBox(s.empty)))
	s.none = form.Muted(say.T("Nothing is found."))
	s.none.Hide()
	s.finding = container.NewStack(container.NewBorder(nil, form.Pad(8, 0, s.said), nil, nil, s.hits), form.Pad(14, 4, container.NewVBox(s.none)))
	s.finding.Hide()
	foot := container.New(layout.NewCustomPaddedLayout(0, 8, 6, 6),
		container.New(layout.NewCustomPaddedVBoxLayout(4), s.archived, s.undo.Box))
	s.box = container.New(fixedWidth{sidebarWidth}, container.NewStack(newGround(theme.ColorSide),
		container.NewBorder(head, foot, nil, nil, container.New(layout.NewCustomPaddedLayout(0, 4, 6, 4), container.NewStack(s.plain, s.finding)))))
	s.arrange()
	return s
}

// setConversations replaces the list, the conversation used last first.
func (s *sidebar) setConversations(all []store.Conversation) {
	s.all = all
	s.arrange()
	if s.looking() {
		s.showFound(false)
	}
}

// arrange lists the conversations: those that are pinned, and then the others
// by day; or those that are archived.
func (s *sidebar) arrange() {
	s.lines = s.lines[:0]
	put := func(head string, c store.Conversation) {
		if n := len(s.lines); head != "" && !slices.ContainsFunc(s.lines[:n], func(l line) bool { return l.day == head }) {
			s.lines = append(s.lines, line{day: head})
		}
		s.lines = append(s.lines, line{conv: c})
	}
	aside := 0
	for _, c := range s.all {
		if c.Archived {
			aside++
		}
		if c.Pinned && !c.Archived && !s.aside {
			put(say.T("Pinned"), c)
		}
	}
	for _, c := range s.all {
		if c.Archived == s.aside && (s.aside || !c.Pinned) {
			put(dayOf(c.UpdatedAt, s.now()), c)
		}
	}
	s.empty.SetText(say.T("No conversations yet. Write a message to begin one."))
	text := say.F("Archived · %d", aside)
	if s.aside {
		s.empty.SetText(say.T("No conversation is archived. The menu of a conversation puts it here."))
		text = say.T("Back to the chats")
	}
	s.empty.Hidden = len(s.lines) > 0
	s.archived.setText(text)
	if s.aside || aside > 0 {
		s.archived.Show()
	} else {
		s.archived.Hide()
	}
	s.list.Refresh()
}

// turnArchive lists the archived conversations, or the others again.
func (s *sidebar) turnArchive() {
	s.aside = !s.aside
	s.endSearch()
	s.arrange()
	s.list.ScrollTo(0)
}

// dayOf names the group that a moment belongs to.
func dayOf(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch {
	case !t.Before(midnight):
		return say.T("Today")
	case !t.Before(midnight.AddDate(0, 0, -1)):
		return say.T("Yesterday")
	case !t.Before(midnight.AddDate(0, 0, -7)):
		return say.T("Previous 7 days")
	case t.Year() == now.Year():
		return say.Date(t, "January")
	}
	return say.Date(t, "January 2006")
}

func (s *sidebar) setCurrent(id string) {
	if s.current != id {
		s.current = id
		s.list.Refresh()
	}
}

// setState shows what a conversation does.
func (s *sidebar) setState(id string, state runState) {
	if s.states[id] == state {
		return
	}
	if state == stateIdle {
		delete(s.states, id)
	} else {
		s.states[id] = state
	}
	if i := s.lineOf(id); i >= 0 {
		s.list.RefreshItem(i)
	}
}

// lineOf returns the place of a conversation in the list, or -1.
func (s *sidebar) lineOf(id string) int {
	return slices.IndexFunc(s.lines, func(l line) bool { return l.day == "" && l.conv.ID == id })
}

// looking reports whether something is looked for.
func (s *sidebar) looking() bool { return strings.TrimSpace(s.search.Text) != "" }

// lookFor finds what was typed: titles at once, and what was said a moment
// later.
func (s *sidebar) lookFor() {
	if !s.looking() {
		s.found, s.answered = store.Found{}, ""
		s.finding.Hide()
		s.plain.Show()
		s.do.search("")
		return
	}
	if !s.finding.Visible() {
		s.plain.Hide()
		s.finding.Show()
	}
	s.showFound(true)
	s.do.search(s.search.Text)
}

// setFound shows what was found for what stands in the field.
func (s *sidebar) setFound(found store.Found) {
	s.found, s.answered = found, s.search.Text
	s.showFound(s.hits.Cursor() <= 0 || len(s.hits.Items()) == 0)
}

// maxTitles bounds how many titles are shown above the messages.
const maxTitles = 4

// showFound lists the titles that match and the messages that were found. fresh
// puts the cursor at the first.
func (s *sidebar) showFound(fresh bool) {
	query := strings.TrimSpace(s.search.Text)
	titles := map[string]string{}
	var items []pick.Item
	for _, c := range s.all {
		titles[c.ID] = titleOf(c)
		marks, ok := contains(titleOf(c), query)
		if ok && len(items) < maxTitles {
			note := dayOf(c.UpdatedAt, s.now())
			if c.Archived {
				note += " · " + say.T("archived")
			}
			items = append(items, pick.Item{Title: titleOf(c), Marks: marks, Note: note, Icon: theme.IconChat, Pick: func() { s.do.open(c) }})
		}
	}
	if len(items) > 0 {
		items = append([]pick.Item{{Title: say.T("Titles"), Heading: true}}, items...)
	}
	said := false
	for _, h := range s.found.Hits {
		title, known := titles[h.ConversationID]
		if !known {
			continue // it was deleted a moment ago
		}
		if !said {
			items = append(items, pick.Item{Title: say.T("Messages"), Heading: true})
			said = true
		}
		items = append(items, pick.Item{Title: title, Note: h.Passage, NoteMarks: h.Marks, Pick: func() { s.do.openHit(h, s.answered) }})
	}
	s.none.Hidden = len(items) > 0 || s.answered != s.search.Text
	words := ""
	if s.found.Newest > 0 && len(items) > 0 {
		words = say.N(s.found.Newest, "Only the newest %d message that matches was compared. Type more to narrow it down.", "Only the newest %d messages that match were compared. Type more to narrow it down.", s.found.Newest)
	}
	s.said.SetText(words)
	s.said.Hidden = words == ""
	if fresh {
		s.hits.Set(items)
	} else {
		s.hits.Update(items)
	}
	s.finding.Refresh()
}

// contains finds a text in a title, without regard to case.
func contains(title, query string) ([][2]int, bool) {
	lower := strings.ToLower(title)
	i := strings.Index(lower, strings.ToLower(query))
	if i < 0 || query == "" {
		return nil, false
	}
	if len(lower) != len(title) {
		return nil, true // small letters of another length would shift the mark
	}
	return [][2]int{{i, i + len(strings.ToLower(query))}}, true
}

// endSearch shows the conversations again.
func (s *sidebar) endSearch() {
	if s.search.Text != "" {
		s.search.SetText("")
	}
	s.do.leave()
}
