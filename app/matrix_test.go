package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/provider/wiretest"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// picturePNG is a picture of one point.
const picturePNG = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
	"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"

// pictureServer is an MCP server over stdio with two tools that give text back,
// and one that gives a picture, text and structured content.
func pictureServer() {
	server := mcp.NewServer(&mcp.Implementation{Name: "pictures", Version: "1"}, nil)
	type args struct {
		Text string `json:"text"`
	}
	type shown struct {
		Title string `json:"title"`
	}
	for _, name := range []string{"say", "tell"} {
		mcp.AddTool(server, &mcp.Tool{Name: name, Description: "Says it again."},
			func(_ context.Context, _ *mcp.CallToolRequest, a args) (*mcp.CallToolResult, any, error) {
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "again: " + a.Text}}}, nil, nil
			})
	}
	mcp.AddTool(server, &mcp.Tool{Name: "show", Description: "Shows a picture of it."},
		func(_ context.Context, _ *mcp.CallToolRequest, a args) (*mcp.CallToolResult, shown, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{
				&mcp.ImageContent{MIMEType: "image/png", Data: []byte(picturePNG)}, &mcp.TextContent{Text: "a point"},
			}}, shown{Title: a.Text}, nil
		})
	if err := server.Run(context.Background(), &mcp.StdioTransport{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// matrix is a bridge with two services of each format, since what one signs
// must not go to the other, and the server of pictures.
type matrix struct {
	*bridge.Bridge
	services map[string]*wiretest.Service // by the id of the entry
}

// another is the id of the second entry of a format; the first is named as the
// format.
func another(format wiretest.Format) string { return "another-" + string(format) }

// targets are the entries on which a conversation goes on that began at the
// first entry of a format.
func targets(from wiretest.Format) []string {
	ids := []string{another(from)}
	for _, format := range wiretest.Formats {
		ids = append(ids, string(format))
	}
	return ids
}

func newMatrix(t *testing.T) *matrix {
	t.Helper()
	m := &matrix{openBridgeAside(t), map[string]*wiretest.Service{}}
	for _, format := range wiretest.Formats {
		for _, id := range []string{string(format), another(format)} {
			s := wiretest.Serve(t, format)
			s.Arguments = map[string]string{
				"find_tools": `{"query":"picture"}`,
				"call_tool":  `{"name":"pictures__show","arguments":{"text":"there"}}`,
			}
			m.services[id] = s
			key := store.NewSecret("key")
			entry := store.ProviderConfig{ID: id, Kind: store.ProviderKind(format), BaseURL: s.URL, Model: "m"}
			if err := m.SetProvider(t.Context(), entry, &key); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.UpdateSettings(func(s *store.Settings) error { s.WorkbenchOff = true; return nil }); err != nil {
		t.Fatal(err)
	}
	config := store.ServerConfig{Name: "pictures", Transport: store.TransportStdio, Command: program(t, "picture-mcp")}
	if _, err := m.AddServer(t.Context(), setup.Draft{Config: config}, true); err != nil {
		t.Fatal(err)
	}
	if v := settle(t, m.Bridge, "pictures"); passedNames(v) != "say show tell" {
		t.Fatalf("the server offers %q", passedNames(v))
	}
	for _, tool := range []string{"say", "show", "tell"} {
		if err := m.SetStandingAnswer(t.Context(), tools.Ref{Server: "pictures", Tool: tool}, tools.AnswerAlways); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// conversation begins one at that service, with a title of its own, so that no
// request is made for one.
func (m *matrix) conversation(t *testing.T, format wiretest.Format) string {
	t.Helper()
	c, err := m.NewConversation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RenameConversation(t.Context(), c.ID, "A matrix"); err != nil {
		t.Fatal(err)
	}
	m.move(t, c.ID, string(format))
	return c.ID
}

func (m *matrix) move(t *testing.T, conversation, entry string) {
	t.Helper()
	if err := m.SetConversationModel(t.Context(), conversation, store.ModelRef{Provider: entry, Model: "m"}); err != nil {
		t.Fatal(err)
	}
}

// whole runs a turn that has to be whole, and returns how many events it had.
func (m *matrix) whole(t *testing.T, conversation, text string) int {
	t.Helper()
	events, done := 0, false
	for event, err := range m.Send(t.Context(), conversation, text, nil) {
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		events++
		if e, ok := event.(chat.TurnDone); ok {
			done = e.Reason == chat.ReasonEnd
		}
	}
	if !done {
		t.Fatalf("%q: the turn did not end by itself", text)
	}
	return events
}

// blame fails the test with what services found wrong, and says after what.
func (m *matrix) blame(t *testing.T, after string) {
	t.Helper()
	for _, s := range m.services {
		if faults := s.Faults(); len(faults) > 0 {
			t.Fatalf("%s: %s\nthe request: %s", after, strings.Join(faults, "\n"), s.Last())
		}
	}
}

// interruption ends a turn at one of its events.
type interruption struct {
	name string
	run  func(m *matrix, t *testing.T, conversation string, at int)
}

var interruptions = []interruption{
	{"the reader leaves", func(m *matrix, t *testing.T, conversation string, at int) {
		n := 0
		for _, err := range m.Send(t.Context(), conversation, "Look.", nil) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == at {
				return
			}
		}
	}},
	{"the person stops", func(m *matrix, t *testing.T, conversation string, at int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for _, err := range m.Send(ctx, conversation, "Look.", nil) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == at {
				cancel()
			}
		}
	}},
}

// TestMatrix begins a conversation with reasoning, parallel calls and pictures
// at each service, interrupts its second turn at each event in turn, and goes
// on with each service: every request has to be one that the service takes.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, from := range wiretest.Formats {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			m := newMatrix(t)
			for _, how := range interruptions {
				for at, last := 1, 100; at <= last; at++ {
					for _, to := range targets(from) {
						conversation := m.conversation(t, from)
						events := m.whole(t, conversation, "Begin.")
						last = events
						if last < 15 {
							t.Fatalf("a turn of %d events tests little", last)
						}
						how.run(m, t, conversation, at)
						m.move(t, conversation, to)
						m.whole(t, conversation, "Go on.")
						m.blame(t, fmt.Sprintf("from %s, %s at event %d of %d, on with %s", from, how.name, at, last, to))
						m.move(t, conversation, string(from))
						m.whole(t, conversation, "And back.")
						m.blame(t, fmt.Sprintf("from %s, %s at event %d of %d, on with %s and back", from, how.name, at, last, to))
						if err := m.DeleteConversation(t.Context(), conversation); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		})
	}
}

// TestMatrixCut has services break off after each piece of an answer. The person
// chooses another model and Retry, or writes the next message: what was cut is
// never taken for an answer, and every request is one that the service takes.
func TestMatrixCut(t *testing.T) {
	t.Parallel()
	for _, from := range wiretest.Formats {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			m := newMatrix(t)
			pieces := 1
			for ; ; pieces++ {
				to := targets(from)[pieces%len(targets(from))]
				after := fmt.Sprintf("from %s, cut after %d pieces, on with %s", from, pieces, to)
				conversation := m.conversation(t, from)
				m.whole(t, conversation, "Begin.")
				if !m.cut(t, conversation, from, pieces) {
					break // the answer has no more pieces
				}
				m.move(t, conversation, to)
				m.whole(t, conversation, "")
				m.blame(t, after+" by Retry")
				if n := strings.Count(string(m.services[to].Last()), "Look."); n != 1 {
					t.Fatalf("%s by Retry: the message is there %d times: %s", after, n, m.services[to].Last())
				}
				m.move(t, conversation, string(from))
				m.cut(t, conversation, from, pieces)
				m.move(t, conversation, to)
				m.whole(t, conversation, "Go on.")
				m.blame(t, after)
			}
			if pieces < 5 {
				t.Errorf("an answer was cut in %d places alone", pieces-1)
			}
		})
	}
}

// cut has the answer to a message break off after so many pieces, and reports
// whether it had that many. The person does not wait for it to be repeated.
func (m *matrix) cut(t *testing.T, conversation string, from wiretest.Format, pieces int) bool {
	t.Helper()
	service := m.services[string(from)]
	asked := service.Asked()
	service.Cut(pieces)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	broke := false
	for event, err := range m.Send(ctx, conversation, "Look.", nil) {
		var failed *model.Error
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
		if _, ok := event.(chat.Retrying); ok {
			broke = true
			cancel()
		}
	}
	if !broke {
		return false
	}
	if n := service.Asked() - asked; n != 1 {
		t.Fatalf("after %d pieces, %d requests were made", pieces, n)
	}
	chain, err := m.Messages(t.Context(), conversation)
	if err != nil {
		t.Fatal(err)
	}
	last := chain[len(chain)-1]
	if last.Role != store.RoleAssistant || last.Status != store.StatusInterrupted || len(last.Calls()) > 0 {
		t.Fatalf("after %d pieces, the answer is kept as %s with the calls %v", pieces, last.Status, last.Calls())
	}
	return true
}

// TestMatrixSearch begins a conversation in which the model searches the tools,
// and goes on at each entry with the tools themselves, and back.
func TestMatrixSearch(t *testing.T) {
	t.Parallel()
	for _, from := range wiretest.Formats {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			m := newMatrix(t)
			// With so small a share of so small a context, three tools are too many.
			entry, err := m.Provider(string(from))
			if err != nil {
				t.Fatal(err)
			}
			entry.Models = map[string]store.ModelLimits{"m": {Context: 30_000}}
			if err := m.SetProvider(t.Context(), entry, nil); err != nil {
				t.Fatal(err)
			}
			if err := m.UpdateSettings(func(s *store.Settings) error { s.SearchShare = 0.0001; return nil }); err != nil {
				t.Fatal(err)
			}
			for _, to := range targets(from) {
				conversation := m.conversation(t, from)
				m.whole(t, conversation, "Begin.")
				if body := string(m.services[string(from)].Last()); !strings.Contains(body, `"find_tools"`) || !strings.Contains(body, `"call_tool"`) {
					t.Fatalf("the model does not search: %s", body)
				}
				m.move(t, conversation, to)
				m.whole(t, conversation, "Go on.")
				if body := string(m.services[to].Last()); to != string(from) && !strings.Contains(body, `"pictures__show"`) {
					t.Fatalf("the model still searches: %s", body)
				}
				m.move(t, conversation, string(from))
				m.whole(t, conversation, "And back.")
				m.blame(t, fmt.Sprintf("from %s with a search, on with %s and back", from, to))
			}
		})
	}
}

// TestMatrixNotices proves that the services find what is wrong.
func TestMatrixNotices(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for format, bodies := range wiretest.Broken {
		for _, body := range bodies {
			s := wiretest.Serve(t, format)
			status, err := wiretest.Post(ctx, s, body)
			if err != nil {
				t.Fatal(err)
			}
			if status != 400 || len(s.Faults()) == 0 {
				t.Errorf("%s: status %d, %q for %s", format, status, s.Faults(), body)
			}
		}
	}
}
