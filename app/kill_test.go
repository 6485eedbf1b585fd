//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/store"
	"github.com/drawbridge-app/drawbridge/store/db"
)

// The turn that is killed: three answers of a slow model, the first two of which
// call the slow server.
const (
	killDeltas = 12
	killPace   = 12 * time.Millisecond
	killCall   = 80 * time.Millisecond
	// killLines is about how many lines ask --json prints of it.
	killLines = 3*killDeltas + 15
	// killMessages is how many messages it announces.
	killMessages = 6
	// killLong is how many pieces the long answer has, and killLongPace how fast
	// they come.
	killLong     = 400
	killLongPace = 50 * time.Millisecond
)

// survive is how long a server may outlive a killed program, and unsaved how much
// text of an answer that grows a crash may cost: a second, and some.
var survive, unsaved = promised(5*time.Second, time.Minute), promised(2*time.Second, 10*time.Second)

// promised is what the program promises, where the long tests run, which is on a
// quiet machine. How long things take elsewhere depends on what else the machine
// does, and a test waits with patience.
func promised(limit, patience time.Duration) time.Duration {
	if os.Getenv("DRAWBRIDGE_SOAK") == "1" {
		return limit
	}
	return patience
}

// killDelta is the piece of the answer that the model gives at each step.
func killDelta(step, i int) string { return fmt.Sprintf("%d·%d ist größer. ", step, i) }

func killAnswer(step, deltas int) string {
	var b strings.Builder
	for i := range deltas {
		b.WriteString(killDelta(step, i))
	}
	return b.String()
}

// killModel is the model of the turn. A person who says "short" gets a short
// answer, one who says "long" a long one. It refuses histories that a provider
// would refuse.
func killModel(t *testing.T) *service {
	return newService(t, func(w http.ResponseWriter, r *http.Request) {
		var c chatRequest
		if err := c.read(r); err != nil {
			t.Errorf("a provider would refuse this history: %v", err)
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		step, prompt := c.step()
		a := reply{pace: killPace}
		switch {
		case strings.HasSuffix(prompt, "short"): // what was said twice in a row may come as one
			a = reply{deltas: []string{"Here", " I am."}}
		case prompt == "long":
			a.pace = killLongPace
			for i := range killLong {
				a.deltas = append(a.deltas, killDelta(0, i))
			}
		default:
			for i := range killDeltas {
				a.deltas = append(a.deltas, killDelta(step, i))
			}
			for i := range 2 - step { // two calls, one call, none
				a.calls = append(a.calls, modelCall{fmt.Sprintf("call_%d_%d", step, i), "slow__say", fmt.Sprintf(`{"text":"%d.%d"}`, step, i)})
			}
		}
		a.send(w, r)
	})
}

// killed is what a killed command had said.
type killed struct {
	lines []eventJSON
	at    []time.Time // when each came
	when  time.Time   // of the kill
}

// moment is when a turn is killed: some time after so many lines of a kind, or
// of any kind if that is empty.
type moment struct {
	kind  string
	after int
	later time.Duration
}

// killDuring starts a turn, kills the program at the moment, and returns what it
// had said.
func killDuring(t *testing.T, p *place, m moment, args ...string) killed {
	t.Helper()
	cmd := p.command(append([]string{"ask", "--provider", "slow", "--approve", "always", "--json"}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var k killed
	kill := func() {
		time.Sleep(m.later) // the moment is random, not an order
		k.when = time.Now()
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	}
	if m.after == 0 {
		kill()
	}
	n := 0
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break // what has no end was not said
		}
		var e eventJSON
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		k.lines, k.at = append(k.lines, e), append(k.at, time.Now())
		if e.Type == "error" {
			t.Errorf("before the kill: %s", e.Error)
		}
		if m.kind == "" || e.Type == m.kind {
			if n++; n == m.after {
				kill()
			}
		}
	}
	if k.when.IsZero() {
		kill() // it had come to its end
	}
	if err := cmd.Wait(); err == nil && n < m.after {
		t.Errorf("it ended by itself after %d lines: %s", len(k.lines), stderr.String())
	}
	return k
}

// phase says what the turn was at.
func (k killed) phase() string {
	if len(k.lines) == 0 {
		return "start"
	}
	open := 0
	for _, l := range k.lines {
		switch l.Type {
		case "call":
			open++
		case "result":
			open--
		}
	}
	last := k.lines[len(k.lines)-1]
	switch {
	case last.Type == "done":
		return "end"
	case open > 0:
		return "call"
	case last.Type == "text":
		return "text"
	}
	return "between"
}

// check compares a conversation after a restart with what was acknowledged.
func (k killed) check(conv string, chain []store.Message) error {
	byID := map[string]store.Message{}
	for i, m := range chain {
		byID[m.ID] = m
		if err := whole(chain, i); err != nil {
			return err
		}
	}
	texts := map[string]string{} // that were shown and must be kept
	for i, l := range k.lines {
		switch l.Type {
		case "conversation":
			if l.ID != conv {
				return fmt.Errorf("the conversation is %s, not %s", conv, l.ID)
			}
		case "message":
			m, ok := byID[l.ID]
			if !ok {
				return fmt.Errorf("the message %s (%s) is lost", l.ID, l.Role)
			}
			if m.Role != l.Role || m.Status != l.Status || m.Text() != l.Text {
				return fmt.Errorf("the message %s was announced as %s %s %q and is %s %s %q", l.ID, l.Role, l.Status, l.Text, m.Role, m.Status, m.Text())
			}
		case "call":
			if !slices.ContainsFunc(byID[l.Message].Calls(), func(c store.ToolCall) bool {
				return c.ID == l.ID && string(c.Arguments) == string(l.Arguments)
			}) {
				return fmt.Errorf("the call %s of message %s is lost", l.ID, l.Message)
			}
		case "text":
			if k.when.Sub(k.at[i]) > unsaved {
				texts[l.Message] += l.Text
			}
		}
	}
	for id, text := range texts {
		if !strings.HasPrefix(byID[id].Text(), text) {
			return fmt.Errorf("of the answer %s %q is kept, and %q had been shown for more than %v", id, byID[id].Text(), text, unsaved)
		}
	}
	return nil
}

// whole checks one message of a chain: nothing torn, nothing open.
func whole(chain []store.Message, i int) error {
	m := chain[i]
	if m.Status == store.StatusStreaming {
		return fmt.Errorf("the message %s still grows", m.ID)
	}
	if i > 0 && m.ParentID != chain[i-1].ID {
		return fmt.Errorf("the message %s does not follow the one before it", m.ID)
	}
	if m.Role == store.RoleAssistant {
		text, torn := m.Text(), true
		for step := range 3 {
			full := killAnswer(step, killLong)
			torn = torn && !strings.HasPrefix(full, text)
			if m.Status == store.StatusComplete && text == killAnswer(step, killDeltas) {
				torn = false
			}
		}
		if torn && text != "Here I am." || !utf8.ValidString(text) {
			return fmt.Errorf("the message %s (%s) is torn: %q", m.ID, m.Status, text)
		}
		if len(m.Calls()) > 0 && (i+1 == len(chain) || chain[i+1].Role != store.RoleTool) {
			return fmt.Errorf("the calls of message %s dangle", m.ID)
		}
	}
	if m.Role == store.RoleTool {
		calls, results := chain[i-1].Calls(), m.Results()
		if len(calls) == 0 || len(calls) != len(results) {
			return fmt.Errorf("%d calls have %d results", len(calls), len(results))
		}
		for j, r := range results {
			said := strings.TrimSpace(r.Content.Text())
			var a struct{ Text string }
			if err := json.Unmarshal(calls[j].Arguments, &a); err != nil {
				return fmt.Errorf("the arguments of call %s are torn: %w", calls[j].ID, err)
			}
			if r.CallID != calls[j].ID || r.IsError == (said == "slowly: "+a.Text) {
				return fmt.Errorf("the call %s (%s) has the result %q of %s, error %v", calls[j].ID, a.Text, said, r.CallID, r.IsError)
			}
		}
	}
	return nil
}

// killPlace is a place with the slow model and the slow server, and a folder
// for the ids of that server's processes.
func killPlace(t *testing.T, model *service) (p *place, pids string) {
	return killPlaceWith(t, model, killCall)
}

// killPlaceWith is one whose server takes that long for a call.
func killPlaceWith(t *testing.T, model *service, call time.Duration) (p *place, pids string) {
	p = newPlace(t)
	pids = filepath.Join(p.root, "pids")
	if err := os.Mkdir(pids, 0o700); err != nil {
		t.Fatal(err)
	}
	p.must("", "providers", "set", "slow", "--type", "chat", "--model", "m", "--no-key", "--base-url", model.URL+"/v1")
	p.must("", "servers", "add", "slow", "--env", "PIDS="+pids, "--env", "PAUSE="+call.String(), "--", "slow-mcp")
	return p, pids
}

// chains reads all conversations of a place that nobody owns.
func chains(t *testing.T, p *place) map[string][]store.Message {
	t.Helper()
	d, err := db.Open(t.Context(), filepath.Join(p.home, "drawbridge.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	if problems := d.Problems(); len(problems) > 0 {
		t.Errorf("the database: %q", problems)
	}
	conversations, err := d.Conversations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]store.Message{}
	for _, c := range conversations {
		if all[c.ID], err = d.Chain(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// killCycle kills a turn, starts the program again and looks at what is left.
func killCycle(t *testing.T, p *place, pids string, k killed) {
	t.Helper()
	for _, pid := range pidFiles(t, pids) {
		eventually(t, fmt.Sprintf("the end of server process %d after the program was killed (%s)", pid, k.phase()), survive-time.Since(k.when),
			func() bool { return !running(pid) })
	}
	p.must("", "providers", "list") // opens the conversations, and mends them
	all := chains(t, p)
	for id, chain := range all {
		for i := range chain {
			if err := whole(chain, i); err != nil {
				t.Fatalf("killed at %s, conversation %s: %v", k.phase(), id, err)
			}
		}
	}
	if len(k.lines) == 0 {
		return
	}
	conv := k.lines[0].ID
	chain, ok := all[conv]
	if !ok {
		t.Fatalf("killed at %s: the conversation %s is lost", k.phase(), conv)
	}
	if err := k.check(conv, chain); err != nil {
		t.Fatalf("killed at %s: %v", k.phase(), err)
	}
	p.must("", "ask", "--conversation", conv, "short")
	longer := chains(t, p)[conv]
	if len(longer) != len(chain)+2 || longer[len(longer)-1].Text() != "Here I am." {
		t.Fatalf("killed at %s: after going on, %d messages are %d", k.phase(), len(chain), len(longer))
	}
	if err := k.check(conv, longer); err != nil {
		t.Fatalf("killed at %s, after going on: %v", k.phase(), err)
	}
}

// momentOf chooses when a turn is killed: anywhere, or at once after a message
// was announced (one that is not kept yet would be lost), or while a call runs
// or text comes.
func momentOf(cycle, cycles int) moment {
	switch cycle % 6 {
	case 1, 4:
		return moment{kind: "message", after: 1 + cycle/3%killMessages}
	case 2:
		return moment{kind: "call", after: 2, later: rand.N(killCall / 2)}
	case 5:
		return moment{kind: "text", after: 1 + rand.IntN(killDeltas-1), later: rand.N(killPace / 2)}
	}
	m := moment{after: (cycle*killLines + rand.IntN(killLines)) / cycles, later: rand.N(2 * killPace)}
	if m.after == 0 {
		m.later = rand.N(400 * time.Millisecond)
	}
	return m
}

// surviveKills kills that many turns, spread over everything that a turn does.
func surviveKills(t *testing.T, cycles int) {
	const places = 3
	model := killModel(t)
	var mu sync.Mutex
	phases := map[string]int{}
	t.Run("cycles", func(t *testing.T) {
		for i := range places {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				p, pids := killPlace(t, model)
				for c := i; c < cycles; c += places {
					k := killDuring(t, p, momentOf(c, cycles), "go")
					killCycle(t, p, pids, k)
					mu.Lock()
					phases[k.phase()]++
					mu.Unlock()
				}
			})
		}
		t.Run("long", func(t *testing.T) {
			t.Parallel()
			p, pids := killPlace(t, model)
			k := killDuring(t, p, moment{kind: "text", after: int((unsaved + 2*time.Second) / killLongPace)}, "long")
			if k.when.Sub(k.at[0]) < unsaved {
				t.Errorf("the long answer was killed after %v already", k.when.Sub(k.at[0]))
			}
			killCycle(t, p, pids, k)
		})
	})
	t.Logf("%d kills: %v", cycles, phases)
	if cycles >= 6 && (phases["text"] == 0 || phases["call"] == 0) {
		t.Errorf("no turn was killed while text came, or none while a call ran: %v", phases)
	}
}

func TestKillNine(t *testing.T) {
	t.Parallel()
	surviveKills(t, 15)
}

// TestSoakKillNine runs the full count with DRAWBRIDGE_SOAK=1, and a few without.
func TestSoakKillNine(t *testing.T) {
	t.Parallel()
	cycles := 3
	if os.Getenv("DRAWBRIDGE_SOAK") == "1" {
		cycles = 200
	}
	surviveKills(t, cycles)
}
