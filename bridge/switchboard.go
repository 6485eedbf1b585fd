package bridge

import (
	"context"
	"sync"

	"github.com/drawbridge-app/drawbridge/store"
)

// maxSwitchboard bounds the copy; beyond it the copy starts anew.
const maxSwitchboard = 1 << 12

// switchboard keeps what the policy needs of a conversation at each call, so
// that a call need not read the database. The bridge is the only one who
// changes conversations, and does it through here.
type switchboard struct {
	history History

	// change is held while something is read or written, so that the copy never
	// goes back to something older.
	change sync.Mutex

	mu    sync.RWMutex // protects known
	known map[string]*store.Conversation
}

func newSwitchboard(h History) *switchboard {
	return &switchboard{history: h, known: map[string]*store.Conversation{}}
}

// get returns the conversation with its present switches. Its head and title
// may be old. Do not change it.
func (s *switchboard) get(ctx context.Context, id string) (*store.Conversation, error) {
	s.mu.RLock()
	c := s.known[id]
	s.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	s.change.Lock()
	defer s.change.Unlock()
	read, err := s.history.Conversation(ctx, id)
	if err != nil {
		return nil, err
	}
	s.keep(read)
	return &read, nil
}

// update changes a conversation in the history.
func (s *switchboard) update(ctx context.Context, id string, f func(*store.Conversation)) error {
	s.change.Lock()
	defer s.change.Unlock()
	changed, err := s.history.UpdateConversation(ctx, id, f)
	if err != nil {
		s.forget(id) // it may be written all the same
		return err
	}
	s.keep(changed)
	return nil
}

// remove deletes a conversation from the history.
func (s *switchboard) remove(ctx context.Context, id string) error {
	s.change.Lock()
	defer s.change.Unlock()
	s.forget(id)
	return s.history.DeleteConversation(ctx, id)
}

func (s *switchboard) keep(c store.Conversation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxSwitchboard {
		clear(s.known)
	}
	s.known[c.ID] = &c
}

func (s *switchboard) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, id)
}

// loopHistory is the history as the loop has it. Before each step of a turn it
// looks which tools are on, which the switchboard knows.
type loopHistory struct {
	History
	switches *switchboard
}

// Conversation returns the conversation with its present switches, as
// switchboard.get does.
func (h loopHistory) Conversation(ctx context.Context, id string) (store.Conversation, error) {
	c, err := h.switches.get(ctx, id)
	if err != nil {
		return store.Conversation{}, err
	}
	return *c, nil
}
