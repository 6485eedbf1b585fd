package mcphost

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/store"
)

// Messages are recorded both ways on each transport, without secrets, and only
// while that is on.
func TestRecordMessages(t *testing.T) {
	t.Parallel()
	const secret = "tok-123456"
	for name, configure := range map[string]func(*testing.T) store.ServerConfig{
		"stdio": func(t *testing.T) store.ServerConfig {
			c := child(t, "h", "echo")
			if c.Env == nil {
				c.Env = map[string]store.Value{}
			}
			c.Env["MINE"] = "${secret:mine}"
			return c
		},
		"http": func(t *testing.T) store.ServerConfig { return overHTTP(serve(t, nil).URL) },
		"sse":  func(t *testing.T) store.ServerConfig { return overSSE(serveOld(t).URL + "/sse") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, func(o *Options) { o.Secrets = keychain{"mine": secret} })
			c := configure(t)
			if c.Transport.OverHTTP() {
				c.Headers = map[string]store.Value{"X-Key": "${secret:mine}"}
			}
			ready(t, m, c)
			if list, on := m.Messages("h"); len(list) > 0 || on {
				t.Errorf("something is recorded unasked: %+v", list)
			}
			m.RecordMessages("h", true)
			mustCall(t, m, "h", "echo", fmt.Sprintf(`{"text":"before %s after"}`, secret))
			m.RecordMessages("h", false)
			mustCall(t, m, "h", "echo", `{"text":"unseen"}`)
			list, on := m.Messages("h")
			if on {
				t.Error("it is on")
			}
			sent, got := 0, 0
			for _, msg := range list {
				if strings.Contains(msg.Text, secret) || strings.Contains(msg.Text, "unseen") {
					t.Errorf("recorded: %s", msg.Text)
				}
				if msg.At.IsZero() || msg.Size < 10 || !strings.HasPrefix(msg.Text, "{") {
					t.Errorf("%+v", msg)
				}
				switch {
				case msg.Sent && strings.Contains(msg.Text, `"tools/call"`):
					sent++
				case !msg.Sent && strings.Contains(msg.Text, "before") && strings.Contains(msg.Text, `"result"`):
					got++
				}
			}
			if sent != 1 || got != 1 {
				t.Errorf("%d calls and %d answers in %+v", sent, got, list)
			}
			back := m.ClearLog("h")
			if list, _ := m.Messages("h"); len(list) > 0 {
				t.Errorf("after clearing: %+v", list)
			}
			back()
			back() // once
			if again, _ := m.Messages("h"); !slices.Equal(again, list) {
				t.Errorf("taken back: %+v, want %+v", again, list)
			}
		})
	}
}

func TestRecorderIsBounded(t *testing.T) {
	t.Parallel()
	var r recorder
	for i := range 3 * recordMax {
		r.add(Message{Text: fmt.Sprint(i)})
	}
	list := r.messages()
	if len(list) != recordMax || list[len(list)-1].Text != fmt.Sprint(3*recordMax-1) {
		t.Errorf("%d messages are kept, the last is %q", len(list), list[len(list)-1].Text)
	}
	big := strings.Repeat("x", recordTextMax)
	for range 2 * recordBytesMax / recordTextMax {
		r.add(Message{Text: big})
	}
	total := 0
	for _, m := range r.messages() {
		total += len(m.Text)
	}
	if total > recordBytesMax || total < recordBytesMax/2 || total != r.bytes {
		t.Errorf("%d bytes are kept, and %d counted", total, r.bytes)
	}
	k := newLink(store.ServerConfig{ID: "s"}, &serverLog{}, nil)
	k.log.record.on.Store(true)
	k.tap().see(true, []byte(strings.Repeat("y", 2*recordTextMax)))
	if got := k.log.record.messages(); len(got) != 1 || len(got[0].Text) > recordTextMax+4 || got[0].Size != 2*recordTextMax {
		t.Errorf("a long message is kept with %d bytes", len(got[0].Text))
	}
}

// Events come in pieces of any size, and a message that is begun while nobody
// looks is left out.
func TestTappedEvents(t *testing.T) {
	t.Parallel()
	const stream = ": hello\nevent: message\ndata: {\"a\":\ndata: 1}\n\ndata:{\"b\":2}\r\n\r\nid: 7\n\n"
	for size := 1; size < 20; size++ {
		k := newLink(store.ServerConfig{ID: "s"}, &serverLog{}, nil)
		k.log.record.on.Store(true)
		body := tapEvents(io.NopCloser(strings.NewReader(stream)), k.tap())
		out := make([]byte, size)
		var read strings.Builder
		for {
			n, err := body.Read(out)
			read.Write(out[:n])
			if err != nil {
				break
			}
		}
		if read.String() != stream {
			t.Fatalf("%q was read", read.String())
		}
		got := k.log.record.messages()
		if len(got) != 2 || got[0].Text != `{"a":1}` || got[1].Text != `{"b":2}` {
			t.Fatalf("in pieces of %d: %+v", size, got)
		}
	}
}

func TestLogLinesSayWhoWroteThem(t *testing.T) {
	t.Parallel()
	a := &actor{}
	m := scripted(t, a, nil)
	ctx, stop := context.WithCancel(testContext(t))
	defer stop()
	said := make(chan struct{}, 1)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for range m.WatchLog(ctx, "s") {
			select {
			case said <- struct{}{}:
			default:
			}
		}
	}()
	a.say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","data":"slow"}}`)
	a.say("Traceback (most recent call last)")
	a.say("all is well")
	find := func(text string) LogLine {
		for {
			for _, l := range m.LogLines("s") {
				if strings.Contains(l.Text, text) {
					return l
				}
			}
			select {
			case <-said:
			case <-ctx.Done():
				t.Fatalf("%q is not in the log: %+v", text, m.LogLines("s"))
			}
		}
	}
	for text, want := range map[string]LogLine{
		"slow": {From: LogMessage, Level: "warning"}, "Traceback": {From: LogServer, Level: "error"},
		"all is well": {From: LogServer, Level: "info"}, "ready with": {From: LogHost, Level: "info"},
	} {
		if l := find(text); l.From != want.From || l.Level != want.Level || l.At.IsZero() {
			t.Errorf("%+v", l)
		}
	}
	was := m.LogLines("s")
	back := m.ClearLog("s")
	if got := m.LogLines("s"); len(got) > 0 {
		t.Errorf("after clearing: %+v", got)
	}
	a.say("something new")
	find("something new")
	back()
	if got := m.LogLines("s"); len(got) <= len(was) || !slices.Equal(got[:len(was)], was) || !strings.Contains(got[len(got)-1].Text, "something new") {
		t.Errorf("taken back: %+v, want %+v and what is new", got, was)
	}
	m.ClearLog("nobody")()
	stop()
	<-watching
	for range m.WatchLog(testContext(t), "nobody") {
		t.Error("there is no such server")
	}
	if m.LogLines("nobody") != nil || LevelRank("error") <= LevelRank("warning") || LevelRank("?") != LevelRank("info") {
		t.Error("levels and unknown servers")
	}
}
