package modelapi

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of what is kept of one key, in memory and for a while.
const (
	keptFor       = time.Hour
	keptResponses = 200
	keptBytes     = 32 << 20
	keptApprovals = 1000
	keptKeys      = 1000
)

// kept holds answers that a later request may name, and approvals that were
// asked for. What one key has here no other can reach.
type kept struct {
	now func() time.Time

	mu   sync.Mutex // protects keys
	keys map[string]*ofKey
}

type ofKey struct {
	used      time.Time
	answers   []*keptAnswer // the oldest first
	bytes     int
	approvals []*approval // the oldest first
}

// keptAnswer is a conversation up to and with an answer.
type keptAnswer struct {
	id       string
	at       time.Time
	messages []store.Message
	session  string   // of the policy
	open     []string // ids of the calls of functions that wait for their output
	listed   []string // labels whose tools the program was told
	size     int
}

// approval is a call that the program was asked about. It is used once.
type approval struct {
	id        string
	at        time.Time
	label     string
	name      string // as the program sees it
	ref       tools.Ref
	arguments json.RawMessage
	callID    string
}

func newKept(now func() time.Time) *kept {
	return &kept{now: now, keys: map[string]*ofKey{}}
}

// of returns what is kept of a key, without what is too old. mu is held.
func (k *kept) of(key string) *ofKey {
	now := k.now()
	o := k.keys[key]
	if o == nil {
		if len(k.keys) >= keptKeys {
			oldest := ""
			for id, other := range k.keys {
				if oldest == "" || other.used.Before(k.keys[oldest].used) {
					oldest = id
				}
			}
			delete(k.keys, oldest)
		}
		o = &ofKey{}
		k.keys[key] = o
	}
	o.used = now
	for len(o.answers) > 0 && (now.Sub(o.answers[0].at) > keptFor || len(o.answers) > keptResponses || o.bytes > keptBytes && len(o.answers) > 1) {
		o.bytes -= o.answers[0].size
		o.answers = o.answers[1:]
	}
	for len(o.approvals) > 0 && (now.Sub(o.approvals[0].at) > keptFor || len(o.approvals) > keptApprovals) {
		o.approvals = o.approvals[1:]
	}
	return o
}

// keep keeps an answer of a key, unless it is too large.
func (k *kept) keep(key string, a *keptAnswer) {
	a.at = k.now()
	for _, m := range a.messages {
		a.size += sizeOf(m)
	}
	if a.size > keptBytes {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	o := k.of(key)
	o.answers = append(o.answers, a)
	o.bytes += a.size
	k.of(key)
}

// answer returns an answer of that key; nil without one.
func (k *kept) answer(key, id string) *keptAnswer {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.of(key).answers {
		if a.id == id {
			return a
		}
	}
	return nil
}

// ask keeps that the program of a key is asked about a call.
func (k *kept) ask(key string, a *approval) {
	a.at = k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	o := k.of(key)
	o.approvals = append(o.approvals, a)
}

// open returns an approval that nobody has used; nil without one.
func (k *kept) open(key, id string) *approval {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.of(key).approvals {
		if a.id == id {
			return a
		}
	}
	return nil
}

// use takes approvals out, all or none: each is used once.
func (k *kept) use(key string, ids []string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	o := k.of(key)
	left := make([]*approval, 0, len(o.approvals))
	found := 0
	for _, a := range o.approvals {
		taken := false
		for _, id := range ids {
			taken = taken || id == a.id
		}
		if taken {
			found++
			continue
		}
		left = append(left, a)
	}
	if found != len(ids) {
		return false
	}
	o.approvals = left
	return true
}

func sizeOf(m store.Message) int {
	size := 200
	var add func(store.Parts)
	add = func(parts store.Parts) {
		for _, p := range parts {
			size += 100
			switch p := p.(type) {
			case store.Text:
				size += len(p.Text)
			case store.Reasoning:
				size += len(p.Text)
			case store.ToolCall:
				size += len(p.Arguments) + len(p.Name)
			case store.ToolResult:
				size += len(p.Structured)
				add(p.Content)
			case store.Image:
				size += len(p.Data)
			case store.File:
				size += len(p.Data) + len(p.URI)
			case store.Opaque:
				size += len(p.Data)
			case store.Summary:
				size += len(p.Text)
			}
		}
	}
	add(m.Parts)
	return size
}

// sameJSON reports whether two arguments are equal, however they are written.
func sameJSON(a, b json.RawMessage) bool {
	x, ok1 := canonical(a)
	y, ok2 := canonical(b)
	return ok1 && ok2 && bytes.Equal(x, y)
}

func canonical(raw json.RawMessage) ([]byte, bool) {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	if tools.CheckArguments(raw) != nil {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	b, err := json.Marshal(v) // sorts the keys
	return b, err == nil
}
