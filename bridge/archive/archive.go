// Package archive writes conversations to files that other programs and people
// can read, and reads them back: JSON, which holds all of a conversation with its
// branches, and Markdown, which holds what is shown of it.
//
// It keeps nothing, and knows no secrets: the caller takes those out of what it
// writes. What it reads may come from anywhere, so nothing of it is believed: ids
// are made anew where they are not of our form, a tree that does not hold together
// is refused, and nothing goes along that a provider would take as its own state.
//
//	err := archive.Encode(w, conversation, messages)
//	conversation, messages, err := archive.Decode(data)
//	err := archive.Markdown(w, conversation, chain)
package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// The head of the JSON form.
const (
	format  = "drawbridge conversation"
	version = 1
)

// MaxBytes bounds a file that is read.
const MaxBytes = 256 << 20

// document is the JSON form.
type document struct {
	Format    string            `json:"format"`
	Version   int               `json:"version"`
	ID        string            `json:"id"`
	Title     string            `json:"title,omitempty"`
	Named     bool              `json:"named,omitempty"`
	Head      string            `json:"head,omitempty"`
	Model     store.ModelRef    `json:"model,omitzero"`
	System    string            `json:"system,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Pinned    bool              `json:"pinned,omitempty"`
	Archived  bool              `json:"archived,omitempty"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	Messages  []message         `json:"messages"`
}

type message struct {
	ID        string         `json:"id"`
	Parent    string         `json:"parent,omitempty"`
	Role      store.Role     `json:"role"`
	Status    store.Status   `json:"status"`
	Parts     store.Parts    `json:"parts"`
	Model     store.ModelRef `json:"model,omitzero"`
	Usage     store.Usage    `json:"usage,omitzero"`
	Error     string         `json:"error,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
}

// Encode writes a conversation with all its messages as JSON. What a provider
// wants back as it was (store.Opaque) is left out: it is of use to that provider
// alone.
func Encode(w io.Writer, c store.Conversation, messages []store.Message) error {
	d := document{
		Format: format, Version: version, ID: c.ID, Title: c.Title, Named: c.Named, Head: c.Head, Model: c.Model, System: c.System,
		Metadata: c.Metadata, Pinned: c.Pinned, Archived: c.Archived, CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
		Messages: make([]message, 0, len(messages)),
	}
	for _, m := range messages {
		d.Messages = append(d.Messages, message{
			ID: m.ID, Parent: m.ParentID, Role: m.Role, Status: m.Status, Parts: plain(m.Parts), Model: m.Model,
			Usage: m.Usage, Error: m.Error, CreatedAt: m.CreatedAt.UTC(),
		})
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

// plain returns the parts without a provider's own state.
func plain(parts store.Parts) store.Parts {
	out := make(store.Parts, 0, len(parts))
	for _, p := range parts {
		if _, ok := p.(store.Opaque); !ok {
			out = append(out, p)
		}
	}
	return out
}

// ourID is the form of store.NewID.
var ourID = regexp.MustCompile(`^[a-z0-9]{26}$`)

// Decode reads what Encode wrote. The conversation keeps its id where that has
// our form; messages get new ones. Its Switches are empty, and its Head is the
// last message that it shows. The error wraps store.ErrInvalid for what is no
// such file or does not hold together, and store.ErrNewer for a newer one.
func Decode(data []byte) (store.Conversation, []store.Message, error) {
	invalid := func(format string, a ...any) (store.Conversation, []store.Message, error) {
		return store.Conversation{}, nil, fmt.Errorf("%s (%w)", fmt.Sprintf(format, a...), store.ErrInvalid)
	}
	if len(data) > MaxBytes {
		return invalid("the file is larger than %d MB", MaxBytes>>20)
	}
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Format != format {
		return invalid("it is no conversation that Drawbridge exported as JSON")
	}
	if head.Version > version {
		return store.Conversation{}, nil, fmt.Errorf("the conversation was exported by a newer Drawbridge; update this one (%w)", store.ErrNewer)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		if errors.Is(err, store.ErrNewer) {
			return store.Conversation{}, nil, err
		}
		return invalid("it cannot be read: %v", err)
	}
	c := store.Conversation{
		ID: d.ID, Title: d.Title, Named: d.Named, Model: d.Model, System: d.System, Metadata: d.Metadata,
		Pinned: d.Pinned, Archived: d.Archived, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if !ourID.MatchString(c.ID) {
		c.ID = store.NewID()
	}
	ids := map[string]string{"": ""}
	out := make([]store.Message, 0, len(d.Messages))
	for i, m := range d.Messages {
		parent, known := ids[m.Parent]
		if _, twice := ids[m.ID]; twice || !known {
			return invalid("message %d does not come after the one before it", i+1)
		}
		switch m.Role {
		case store.RoleUser, store.RoleAssistant, store.RoleTool, store.RoleSummary:
		default:
			return invalid("message %d is of nobody: %q", i+1, m.Role)
		}
		status := store.StatusComplete
		if m.Status != store.StatusComplete {
			status = store.StatusInterrupted // nothing grows any more
		}
		ids[m.ID] = store.NewID()
		out = append(out, store.Message{
			ID: ids[m.ID], ConversationID: c.ID, ParentID: parent, Role: m.Role, Status: status, Parts: plain(m.Parts),
			Model: m.Model, Usage: m.Usage, Error: m.Error, CreatedAt: m.CreatedAt,
		})
	}
	for i := range out {
		for j, p := range out[i].Parts {
			if s, ok := p.(store.Summary); ok {
				if s.Until = ids[s.Until]; s.Until == "" {
					return invalid("a summary stands for nothing")
				}
				out[i].Parts[j] = s
			}
		}
	}
	if err := answered(out); err != nil {
		return invalid("%v", err)
	}
	last, ok := ids[d.Head]
	if !ok || last == "" && len(out) > 0 {
		return invalid("what it shows last is not in it")
	}
	c.Head = last
	return c, out, nil
}

// answered reports whether each result answers a call of the message before it,
// which every provider asks for.
func answered(messages []store.Message) error {
	calls := map[string]map[string]bool{} // by message
	for _, m := range messages {
		open := map[string]bool{}
		for _, c := range m.Calls() {
			open[c.ID] = true
		}
		calls[m.ID] = open
		for _, r := range m.Results() {
			if !calls[m.ParentID][r.CallID] {
				return errors.New("a result answers no call")
			}
		}
	}
	return nil
}
