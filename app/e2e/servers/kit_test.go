//go:build linux && e2e

package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
	"github.com/drawbridge-app/drawbridge/store/secret"
	"github.com/drawbridge-app/drawbridge/store/settings"
)

func TestMain(m *testing.M) {
	mcphost.RunShim()
	os.Exit(m.Run())
}

// The limits are for a slow machine with two cores that does other things, too.
const (
	settleLimit = 120 * time.Second // to start a server and list its tools
	callLimit   = 90 * time.Second
	goneLimit   = time.Minute // for all processes to be gone after the end
)

// mark is a variable that a server and all that it starts have, whoever their
// parent is by then.
const mark = "DBTEST_TREE"

// fixtures is the absolute path of app/testdata/servers.
func fixtures(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../testdata/servers")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// place is a bridge with all that the program gives it, in a home of its own.
type place struct {
	t      testing.TB
	bridge *bridge.Bridge
	home   string // of the person
	tree   string // what mark is for the servers of this place
}

// newPlace opens a place that is closed with the test. path are the folders
// where the person's shell looks first.
func newPlace(t testing.TB, path ...string) *place {
	t.Helper()
	root := t.TempDir()
	p := &place{t: t, home: filepath.Join(root, "person"), tree: filepath.Base(filepath.Dir(root)) + "-" + filepath.Base(root)}
	own := filepath.Join(root, "drawbridge")
	for _, dir := range []string{p.home, own} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// That is how version managers get onto the PATH of a person.
	profile := "PATH='" + strings.Join(append(path, os.Getenv("PATH")), ":") + "'\nexport PATH\n"
	if err := os.WriteFile(filepath.Join(p.home, ".profile"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	files, err := settings.Open(own, logger)
	if err != nil {
		t.Fatal(err)
	}
	history, err := db.Open(t.Context(), filepath.Join(own, "drawbridge.db"))
	if err != nil {
		t.Fatal(err)
	}
	keychain := secret.Open(own)
	keychain.UseMemory()
	p.bridge, err = bridge.New(t.Context(), bridge.Options{
		Home: own, History: history, Ledger: history, Cache: history, Settings: files, Secrets: keychain,
		Environ: func() []string {
			return []string{"PATH=/usr/bin:/bin", "HOME=" + p.home, "SHELL=/bin/sh", "USER=test", "LANG=C.UTF-8"}
		},
		Logger: logger, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.bridge.AskWith(nobody{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.bridge.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := history.Close(); err != nil {
			t.Error(err)
		}
		p.nothingLeft()
		if t.Failed() {
			t.Logf("the log of the bridge:\n%s", tail(log.String(), 6000))
		}
	})
	return p
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// add adds a server, approved, and waits until it is ready.
func (p *place) add(c store.ServerConfig, secrets map[store.SecretRef]store.Secret) bridge.ServerView {
	p.t.Helper()
	view := p.begin(c, secrets)
	if view.State != mcphost.Ready {
		p.t.Fatalf("%s is %s: %s\n%s", c.Name, view.State, view.Error, strings.Join(p.bridge.ServerLog(view.Server.ID), "\n"))
	}
	return view
}

// begin adds a server, approved, and waits until it is ready or is not going to
// be.
func (p *place) begin(c store.ServerConfig, secrets map[store.SecretRef]store.Secret) bridge.ServerView {
	p.t.Helper()
	if c.Transport == store.TransportStdio {
		env := map[string]store.Value{mark: store.Value(p.tree)}
		for name, value := range c.Env {
			env[name] = value
		}
		c.Env = env
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), settleLimit)
	defer cancel()
	added, err := p.bridge.AddServer(ctx, setup.Draft{Config: c, Secrets: secrets}, true)
	if err != nil {
		p.t.Fatalf("add %s: %v", c.Name, err)
	}
	return p.settled(added.ID)
}

// settled waits until a server does not start any more.
func (p *place) settled(id string) bridge.ServerView {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), settleLimit)
	defer cancel()
	if err := p.bridge.SettleServers(ctx, id); err != nil {
		p.t.Fatalf("%s: %v", id, err)
	}
	view, err := p.bridge.Server(id)
	if err != nil {
		p.t.Fatal(err)
	}
	return view
}

// call calls a tool from a conversation of its own. A question of the policy is
// answered with once; how often there was one is asked.
func (p *place) call(server, tool string, arguments any) (result tools.Result, asked int) {
	p.t.Helper()
	text, err := json.Marshal(arguments)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), callLimit)
	defer cancel()
	conversation, err := p.bridge.NewConversation(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	inv := tools.Invocation{
		Client: tools.ClientChat, Conversation: conversation.ID, CallID: "1",
		Ref: tools.Ref{Server: server, Tool: tool}, Arguments: text,
	}
	return p.bridge.CallTool(ctx, inv, func(context.Context, tools.Verdict) (tools.Answer, error) {
		asked++
		return tools.AnswerOnce, nil
	}, nil), asked
}

// running are the processes of this place's servers.
func (p *place) running() (pids []int) {
	p.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		p.t.Fatal(err)
	}
	wanted := []byte(mark + "=" + p.tree + "\x00")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// What ended meanwhile has no file any more.
		if env, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")); err == nil && bytes.Contains(env, wanted) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// nothingLeft checks that every process of the servers ends.
func (p *place) nothingLeft() {
	p.t.Helper()
	for until := time.Now().Add(goneLimit); ; time.Sleep(20 * time.Millisecond) {
		left := p.running()
		if len(left) == 0 {
			return
		}
		if time.Now().After(until) {
			for _, pid := range left {
				line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				p.t.Errorf("process %d is left: %q (%v)", pid, line, err)
				if process, err := os.FindProcess(pid); err == nil {
					_ = process.Kill() // this test started it
				}
			}
			return
		}
	}
}

// checkListed holds what a server lists against what it is known to have.
func checkListed(t testing.TB, view bridge.ServerView, want int) {
	t.Helper()
	if len(view.Passed) != want || len(view.Held) > 0 {
		t.Errorf("%s offers %d tools, holds %d and leaves out %v; %d tools are expected", view.Server.Name, len(view.Passed), len(view.Held), view.LeftOut, want)
	}
	for _, tool := range view.Passed {
		if tool.Tool == "" || !json.Valid(tool.InputSchema) {
			t.Errorf("%s: the tool %q has the schema %s", view.Server.Name, tool.Tool, tool.InputSchema)
		}
	}
}

// checkSaid holds a result against what it should be, and the words in it.
func checkSaid(t testing.TB, what string, result tools.Result, isError bool, words ...string) {
	t.Helper()
	text := result.Content.Text()
	if result.IsError != isError {
		t.Errorf("%s: error is %v: %s", what, result.IsError, tail(text, 2000))
		return
	}
	for _, word := range words {
		if !strings.Contains(text, word) && !strings.Contains(string(result.Structured), word) {
			t.Errorf("%s does not say %q: %s", what, word, tail(text, 2000))
		}
	}
}

// internet is what servers meet in the place of the internet: a proxy that
// refuses everything.
func internet(t testing.TB) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "there is no internet here", http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// find returns the absolute path of a program on the PATH of the test.
func find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v (make servers installs it)", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// nobody declines whatever a server asks.
type nobody struct{}

func (nobody) Elicit(context.Context, mcphost.Elicitation) (mcphost.ElicitAnswer, error) {
	return mcphost.ElicitAnswer{Action: mcphost.Declined}, nil
}
