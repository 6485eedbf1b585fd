//go:build linux && e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
)

// What opening ten thousand messages may take.
const (
	openLimit   = 100 // milliseconds
	memoryLimit = 60  // MB
)

// open reads the end of ten thousand messages from the database, as the page of
// the conversations does, and shows and paints it in a window that has shown
// nothing yet.
func open(memory bool) (row measure.Row, err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "drawbridge-open-")
	if err != nil {
		return row, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := seed(ctx, filepath.Join(dir, "history.db"), 10000); err != nil {
		return row, err
	}
	history, err := db.Open(ctx, filepath.Join(dir, "history.db"))
	if err != nil {
		return row, err
	}
	defer func() { _ = history.Close() }()
	v := transcript.New(transcript.Options{})
	w := window(v)
	w.Canvas().Capture() // the empty one
	debug.FreeOSMemory()
	before, err := resident()
	if err != nil {
		return row, err
	}
	began := time.Now()
	messages, earlier, err := history.Tail(ctx, "long", 48)
	if err != nil {
		return row, err
	}
	v.SetItems(items(messages))
	v.SetMissing(earlier)
	w.Canvas().Capture()
	took := time.Since(began)
	after, err := resident()
	if err != nil {
		return row, err
	}
	detail := fmt.Sprintf("%d of 10,000 messages read, cold process, painted by software", len(messages))
	if memory {
		return measure.Bound("what that adds in memory", (after-before)/1e6, memoryLimit, "MB", 1, detail), nil
	}
	return measure.Bound("opening 10,000 messages to the first paint", ms(took), openLimit, "ms", 1, detail), nil
}

// items is what of messages is shown.
func items(messages []store.Message) (out []transcript.Item) {
	results := map[string]*store.ToolResult{}
	for _, m := range messages {
		for _, r := range m.Results() {
			results[r.CallID] = &r
		}
	}
	for _, m := range messages {
		switch m.Role {
		case store.RoleUser:
			out = append(out, transcript.User{ID: m.ID, Text: m.Text()})
		case store.RoleAssistant:
			for _, c := range m.Calls() {
				out = append(out, transcript.Call{ID: c.ID, Server: "files", Tool: c.Tool, State: transcript.CallDone, Arguments: c.Arguments, Result: results[c.ID]})
			}
			if text := m.Text(); text != "" {
				out = append(out, transcript.Assistant{ID: m.ID, Text: text})
			}
		}
	}
	return out
}

// seed writes a conversation of that many messages: 2 KB on the average, a third
// of them tool calls with their results, and fifty of 64 KB.
func seed(ctx context.Context, path string, n int) error {
	history, err := db.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = history.Close() }()
	if err := history.CreateConversation(ctx, store.Conversation{ID: "long", Title: "Long"}); err != nil {
		return err
	}
	prose, long := bodies[0].text(1700), bodies[0].text(64*kilobyte)
	parent := ""
	var batch []store.Message
	for i := range n {
		text := prose
		if i%200 == 3 {
			text = long
		}
		m := store.Message{ID: fmt.Sprint("m", i), ConversationID: "long", ParentID: parent, Status: store.StatusComplete, CreatedAt: time.Unix(int64(1_700_000_000+i), 0)}
		switch i % 6 {
		case 0, 3:
			m.Role, m.Parts = store.RoleUser, store.Parts{store.Text{Text: text}}
		case 1:
			m.Role, m.Parts = store.RoleAssistant, store.Parts{store.ToolCall{ID: fmt.Sprint("c", i), Name: "files__read", Server: "files", Tool: "read", Arguments: []byte(`{"path":"/x"}`)}}
		case 2:
			m.Role, m.Parts = store.RoleTool, store.Parts{store.ToolResult{CallID: fmt.Sprint("c", i-1), Content: store.Parts{store.Text{Text: text}}}}
		default:
			m.Role, m.Parts = store.RoleAssistant, store.Parts{store.Text{Text: text}}
		}
		parent = m.ID
		if batch = append(batch, m); len(batch) == 500 || i == n-1 {
			if err := history.Append(ctx, batch...); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}

// resident is the memory of this process that is in use now, in bytes.
func resident() (float64, error) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "Pss: %f kB", &kB); n == 1 {
			return kB * 1024, nil
		}
	}
	return 0, errors.New("the kernel tells nothing of the memory")
}
