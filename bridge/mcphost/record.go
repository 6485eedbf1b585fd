package mcphost

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Message is a message of JSON-RPC that went to a server, or came from one. It
// is recorded only while a person asked for it.
type Message struct {
	At time.Time
	// Sent says that it went to the server.
	Sent bool
	// Text is the message as it was, with secrets replaced by a placeholder; the
	// end of one that is longer than 64 KiB is left out.
	Text string
	// Size is how long all of it was, in bytes.
	Size int
}

// The bounds of what is recorded for one server.
const (
	recordMax      = 1000
	recordBytesMax = 4 << 20
	recordTextMax  = 64 << 10
)

// recorder keeps the last messages of a server while it is on. Any goroutine may
// use it.
type recorder struct {
	on atomic.Bool

	mu    sync.Mutex // protects what follows
	list  []Message
	bytes int
}

// add keeps a message. text is without secrets.
func (r *recorder) add(m Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, m)
	r.bytes += len(m.Text)
	r.bound()
}

// bound forgets the oldest where there are too many. The lock is held.
func (r *recorder) bound() {
	drop := 0
	for ; drop < len(r.list)-1 && (len(r.list)-drop > recordMax || r.bytes > recordBytesMax); drop++ {
		r.bytes -= len(r.list[drop].Text)
	}
	if drop > 0 {
		n := copy(r.list, r.list[drop:])
		clear(r.list[n:])
		r.list = r.list[:n]
	}
}

func (r *recorder) messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Message(nil), r.list...)
}

// clear forgets all messages, and returns them.
func (r *recorder) clear() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list, r.bytes = nil, 0
	return list
}

// before keeps messages again that were cleared.
func (r *recorder) before(list []Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.Concat(list, r.list)
	for _, m := range list {
		r.bytes += len(m.Text)
	}
	r.bound()
}

// tap sees the messages of a connection, while somebody wants them. A nil one
// sees nothing.
type tap struct {
	on  *atomic.Bool
	add func(sent bool, raw []byte)
}

func (t *tap) active() bool { return t != nil && t.on.Load() }

// see is told a message as it was sent.
func (t *tap) see(sent bool, raw []byte) {
	if t.active() {
		t.add(sent, raw)
	}
}

// tap returns what records the link's messages.
func (k *link) tap() *tap { return &tap{&k.log.record.on, k.record} }

// record keeps a message.
func (k *link) record(sent bool, raw []byte) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return
	}
	// Somewhat more is looked at than is shown, so that the cut leaves no half of
	// a secret that the redactor would not know.
	text := k.redactor.Text(string(cutBytes(raw, recordTextMax+(4<<10))))
	k.log.record.add(Message{At: time.Now(), Sent: sent, Text: cut(text, recordTextMax), Size: len(raw)})
	k.log.say()
}

// tapEvents records the messages of a stream of events as it is read.
func tapEvents(body io.ReadCloser, t *tap) io.ReadCloser {
	return &tappedEvents{ReadCloser: body, tap: t}
}

// tappedEvents follows "data" of a stream of events (the HTML standard's
// server-sent events). Of a message that is too long the beginning is kept.
type tappedEvents struct {
	io.ReadCloser
	tap  *tap
	line []byte
	data []byte
}

func (t *tappedEvents) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if !t.tap.active() {
		t.line, t.data = nil, nil
		return n, err
	}
	for rest := p[:n]; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			t.line = keepSome(t.line, rest)
			break
		}
		t.line = keepSome(t.line, rest[:i])
		rest = rest[i+1:]
		t.endLine()
	}
	return n, err
}

const tappedMax = recordTextMax + 8<<10

func keepSome(b, more []byte) []byte {
	return append(b, more[:min(len(more), max(tappedMax-len(b), 0))]...)
}

func (t *tappedEvents) endLine() {
	line := strings.TrimSuffix(string(t.line), "\r")
	t.line = t.line[:0]
	if line == "" {
		if len(t.data) > 0 {
			t.tap.see(false, t.data)
			t.data = t.data[:0]
		}
		return
	}
	if value, ok := strings.CutPrefix(line, "data:"); ok {
		t.data = keepSome(t.data, []byte(strings.TrimPrefix(value, " ")))
	}
}

// RecordMessages switches on or off that the messages to and from a server are
// kept, from now on, in memory alone. What was recorded stays until ClearLog.
func (m *Manager) RecordMessages(id string, on bool) {
	if l := m.logOf(id); l != nil {
		l.record.on.Store(on)
		l.say()
	}
}

// Messages returns what was recorded, oldest first, and whether more is.
func (m *Manager) Messages(id string) (list []Message, recording bool) {
	l := m.logOf(id)
	if l == nil {
		return nil, false
	}
	return l.record.messages(), l.record.on.Load()
}
