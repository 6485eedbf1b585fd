//go:build linux && e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/app/e2e/desk"
	"github.com/drawbridge-app/drawbridge/app/e2e/driver"
	"github.com/drawbridge-app/drawbridge/app/e2e/standin"
)

// tellerKey is the key of the model in whose place a test answers. It must be
// nowhere but in the keychain and in the requests.
const tellerKey = "sk-canary-of-the-teller-58b3"

// stepLimit bounds each wait of a step.
const stepLimit = time.Minute

// A told is a stage on which the test answers in the place of the model, and on
// which there is one server, which writes down what it is asked to do.
type told struct {
	*stage
	teller *standin.Teller
	file   string // the journal
}

// newTold brings the desktop up with a home on which the provider and the server
// are set up, and opens the window. The model is still to be chosen; see begin.
func newTold(t *testing.T) *told {
	t.Helper()
	s := newStage(t, whole)
	teller := standin.NewTeller(tellerKey)
	t.Cleanup(func() {
		teller.Close()
		if wrong := teller.WrongKeys(); len(wrong) > 0 {
			t.Errorf("requests came with %q", wrong)
		}
	})
	k := &told{stage: s, teller: teller, file: filepath.Join(s.desk.Home(), "journal")}
	self, err := os.Executable()
	s.must(err)
	s.commandWith("", "servers", "add", "journal", "--env", journalFile+"="+k.file, "--", self)
	s.commandWith("", "providers", "set", "told", "--type", "chat", "--title", "Told", "--base-url", teller.URL(), "--model", standin.TellerLarge)
	s.commandWith(tellerKey+"\n", "secret", "set", "provider/told/key")
	s.open()
	s.see(driver.Text("Welcome to Drawbridge"))
	s.click(driver.Text("Skip").Kind("Action"))
	s.gone(driver.Text("Welcome to Drawbridge"))
	return k
}

// begin chooses the model, which is then that of each new conversation, and waits
// until the server is there.
func (k *told) begin() {
	k.t.Helper()
	k.choose(standin.TellerLarge)
	k.ready("journal")
}

// ready waits until a server is.
func (s *stage) ready(name string) {
	s.t.Helper()
	s.must(desk.Until(s.ctx, stepLimit, "the server "+name, func(context.Context) error {
		var list []struct{ Name, State string }
		out, err := s.try(s.home, "", "servers", "list", "--json")
		if err == nil {
			err = json.Unmarshal(out, &list)
		}
		for _, server := range list {
			if err == nil && server.Name == name && server.State == "ready" {
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("there are %s", out))
	}))
}

// focused waits until the keys go to the entry with the label.
func (s *stage) focused(label string) {
	s.t.Helper()
	s.see(driver.Text(label).Where("with the keys", func(n driver.Node) bool { return n.Focused }))
}

// types writes a message and sends it, where the keys go already.
func (s *stage) types(text string) {
	s.t.Helper()
	s.see(driver.Text("Message").Kind("input").Where("with the keys", func(n driver.Node) bool { return n.Focused }))
	s.must(s.app.Type(s.ctx, text))
	s.see(driver.Text("Message").Kind("input").Where("with "+text, func(n driver.Node) bool { return n.Text == text }))
	s.must(s.app.Press(s.ctx, "Return"))
}

// choose chooses a model by its name.
func (k *told) choose(model string) {
	k.t.Helper()
	k.click(driver.Text("Choose the model"))
	for _, listed := range []string{standin.TellerLarge, standin.TellerSmall} { // then nothing moves any more
		k.see(driver.Text(listed).Kind("row"))
	}
	k.click(driver.Text(model).Kind("row"))
	k.see(driver.Text("Choose the model").Where("with "+model, func(n driver.Node) bool { return strings.Contains(n.Text, model) }))
}

// asks waits for the next request to the model.
func (k *told) asks() *standin.Question {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, stepLimit)
	defer cancel()
	q, err := k.teller.Next(ctx)
	k.must(err)
	return q
}

// answer says a whole answer.
func (k *told) answer(q *standin.Question, text string) {
	k.t.Helper()
	k.must(q.Say(text))
	k.must(q.End())
}

// calls has the model call a tool of the server.
func (k *told) calls(q *standin.Question, id, tool, text string) {
	k.t.Helper()
	k.must(q.Call(id, "journal__"+tool, fmt.Sprintf(`{"text":%q}`, text)))
	k.must(q.End())
}

// talk is a message of the person and the model's whole answer.
func (k *told) talk(said, answer string) {
	k.t.Helper()
	k.say(said)
	q := k.asks()
	if got := q.Said(); got != said {
		k.t.Errorf("the model is asked %q, want %q", got, said)
	}
	k.answer(q, answer)
	k.idle()
}

// idle waits until the composer sends again: until no turn runs.
func (k *told) idle() {
	k.t.Helper()
	k.see(driver.Text("Send").Kind("IconButton"))
}

// wrote waits until the journal has exactly these lines, written tool:text.
func (k *told) wrote(lines ...string) {
	k.t.Helper()
	k.must(desk.Until(k.ctx, stepLimit, "the journal", func(context.Context) error {
		got, err := journal(k.file)
		if err == nil && !slices.Equal(got, lines) {
			err = fmt.Errorf("it has %q, want %q", got, lines)
		}
		return err
	}))
}

// result is what a tool gave, as the model was told.
func (k *told) result(q *standin.Question, call string) string {
	k.t.Helper()
	text, ok := q.Result(call)
	if !ok {
		k.t.Fatalf("the model is told nothing of the call %s: %s", call, q.Body)
	}
	return text
}

// commandWith runs a command of the program on the home with a standard input.
func (s *stage) commandWith(stdin string, arguments ...string) []byte {
	s.t.Helper()
	out, err := s.try(s.home, stdin, arguments...)
	if err != nil {
		s.t.Fatalf("drawbridge %v: %v: %s", arguments, err, out)
	}
	return out
}

// try runs a command on any home, and returns what it prints.
func (s *stage) try(home, stdin string, arguments ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.ctx, stepLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(s.t), arguments...)
	cmd.Env = append(s.desk.Environ(), "DRAWBRIDGE_HOME="+home)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		out = append(out, exit.Stderr...)
	}
	return out, err
}

// A kept is a conversation as the program keeps it.
type kept struct {
	ID, Title string
	Messages  []struct {
		ID, Role, Status string
		Parts            json.RawMessage
	}
}

// conversations are those that a home has, as a command lists them.
func (s *stage) conversations(home string) (list []kept) {
	s.t.Helper()
	out, err := s.try(home, "", "conversations", "list", "--json")
	s.must(err)
	s.must(json.Unmarshal(out, &list))
	return list
}

// conversation is the one with a title, with the messages of the branch that is
// shown.
func (s *stage) conversation(home, title string) (c kept) {
	s.t.Helper()
	for _, one := range s.conversations(home) {
		if one.Title == title {
			out, err := s.try(home, "", "conversations", "show", one.ID, "--json")
			s.must(err)
			s.must(json.Unmarshal(out, &c))
			return c
		}
	}
	s.t.Fatalf("there is no conversation %q", title)
	return c
}

// text is everything that the messages hold.
func (c kept) text() string {
	var b strings.Builder
	for _, m := range c.Messages {
		b.Write(m.Parts)
	}
	return b.String()
}

// script is what of the thread is in view, as a person reads it.
func (s *stage) script() string {
	s.t.Helper()
	found, err := s.app.Find(s.ctx, driver.Text("Conversation").Kind("View"))
	s.must(err)
	if len(found) != 1 {
		s.t.Fatalf("there are %d threads in view", len(found))
	}
	return found[0].Text
}

// copied waits until the clipboard has exactly this text.
func (s *stage) copied(want string) {
	s.t.Helper()
	s.must(desk.Until(s.ctx, stepLimit, "the clipboard", func(ctx context.Context) error {
		got, err := s.desk.Clipboard(ctx)
		if err == nil && got != want {
			err = fmt.Errorf("it has %q, want %q", got, want)
		}
		return err
	}))
}
