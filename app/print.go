package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// textPrinter shows a turn to a person: the answer on out, everything else on
// err. An answer that breaks off and is repeated cannot be taken back from a
// terminal, so it says there that it begins anew. What goes elsewhere is held
// back until the answer stays, so that a file has it once.
type textPrinter struct {
	out, err io.Writer
	hold     bool              // out is no terminal
	held     strings.Builder   // text of an answer that may still begin anew
	shown    bool              // text of such an answer is on out
	names    map[string]string // call id → name
	open     bool              // the answer's last line has no end yet
	told     string            // the last failure that was told
}

func (p *textPrinter) print(e chat.Event) {
	switch e := e.(type) {
	case chat.Delta:
		d, ok := e.Delta.(model.TextDelta)
		switch {
		case !ok || d.Text == "":
		case p.hold:
			p.held.WriteString(d.Text)
		default:
			p.answer(d.Text)
			p.shown = true
		}
	case chat.Started:
		p.held.Reset()
		p.shown = false
	case chat.Finished:
		if e.Message.Status == store.StatusComplete {
			p.end()
			p.shown = false
		} else {
			p.line() // another model may still answer in its place
		}
		if e.Message.Error != "" {
			p.told = e.Message.Error
			fmt.Fprintf(p.err, "drawbridge: %s\n", visible(p.told))
		}
		for _, c := range e.Message.Calls() {
			p.names[c.ID] = c.Name
			if meant := chat.Meant(c); c.Server != "" && string(meant.Arguments) != string(c.Arguments) {
				p.names[c.ID], c = tools.Ref{Server: c.Server, Tool: c.Tool}.String(), meant
			}
			fmt.Fprintf(p.err, "→ %s %s\n", visible(p.names[c.ID]), visible(string(c.Arguments)))
		}
		p.managed(e.Message)
	case chat.Retrying:
		p.line()
		fmt.Fprintf(p.err, "drawbridge: %s Trying again in %s (%d of %d)%s\n", visible(e.Reason), e.Wait.Round(100*time.Millisecond), e.Attempt, e.Of, p.anew())
	case chat.FellBack:
		p.line()
		fmt.Fprintf(p.err, "drawbridge: %s %s/%s answers instead%s\n", visible(e.Reason), e.To.Provider, e.To.Model, p.anew())
	case chat.Summarising:
		p.line()
		fmt.Fprintf(p.err, "drawbridge: the conversation is getting too long for the model; its beginning is being summarised%s\n", p.anew())
	case chat.Unsummarised:
		if e.Until == "" {
			fmt.Fprintf(p.err, "drawbridge: there is no summary: %s The turn goes on without\n", visible(e.Reason))
		} else {
			fmt.Fprintln(p.err, "drawbridge: the model does not get the oldest messages in this turn, since the conversation is too long for it; nothing is deleted")
		}
	case chat.CallProgress:
		fmt.Fprintf(p.err, "… %s%s\n", visible(p.names[e.CallID]), visible(progressText(e.Progress)))
	case chat.CallDone:
		p.result(e.Result)
	case chat.CallAnswered:
		if !e.Answer.Approve {
			fmt.Fprintf(p.err, "✗ %s was not allowed: %s\n", visible(p.names[e.Answer.CallID]), visible(e.Answer.Reason))
		}
	case chat.StepLimit:
		fmt.Fprintf(p.err, "drawbridge: the step limit of %d is reached\n", e.Steps)
	case chat.Repeating:
		fmt.Fprintf(p.err, "drawbridge: %s\n", visible(e.Pause.String()))
	case chat.TurnDone:
		p.end()
		switch e.Reason {
		case chat.ReasonEnd, chat.ReasonRefusal:
		case chat.ReasonLength:
			fmt.Fprintln(p.err, "drawbridge: the answer reached the model's limit of output and was cut there")
		case chat.ReasonFilter:
			fmt.Fprintln(p.err, "drawbridge: the provider withheld the rest of the answer")
		case chat.ReasonStopped:
			fmt.Fprintln(p.err, "drawbridge: stopped")
		case chat.ReasonLimit:
			fmt.Fprintln(p.err, "drawbridge: the turn ended at its step limit")
		case chat.ReasonRepeats:
			fmt.Fprintln(p.err, "drawbridge: the turn ended because the model made the same calls again and again")
		}
	}
}

// progressText is what a server reports, with a space in front.
func progressText(p tools.Progress) string {
	var b strings.Builder
	switch {
	case p.Total > 0:
		fmt.Fprintf(&b, " %g of %g", p.Done, p.Total)
	case p.Done > 0:
		fmt.Fprintf(&b, " %g", p.Done)
	}
	if line, _, _ := strings.Cut(strings.TrimSpace(p.Message), "\n"); line != "" {
		b.WriteString(" " + line)
	}
	return b.String()
}

func (p *textPrinter) result(r store.ToolResult) {
	took := fmt.Sprintf("%d ms", r.Elapsed.Round(time.Millisecond).Milliseconds())
	if !r.IsError {
		fmt.Fprintf(p.err, "✓ %s (%s)\n", visible(p.names[r.CallID]), took)
		return
	}
	fmt.Fprintf(p.err, "✗ %s (%s): %s\n", visible(p.names[r.CallID]), took, visible(strings.TrimSpace(r.Content.Text())))
}

// answer prints text of the answer.
func (p *textPrinter) answer(text string) {
	fmt.Fprint(p.out, visible(text))
	p.open = !strings.HasSuffix(text, "\n")
}

// anew says that the answer which is on the terminal does not count.
func (p *textPrinter) anew() string {
	if !p.shown {
		return ""
	}
	p.shown = false
	return "; the answer above broke off and begins anew"
}

// end prints what was held back, and ends its last line.
func (p *textPrinter) end() {
	if p.held.Len() > 0 {
		p.answer(p.held.String())
		p.held.Reset()
	}
	p.line()
}

// line ends a line of the answer that is open.
func (p *textPrinter) line() {
	if p.open {
		fmt.Fprintln(p.out)
		p.open = false
	}
}

// visible shows characters that could change a terminal, or hide text in it.
func visible(s string) string {
	hidden := func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
	}
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, "‹U+%04X›", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// The events of ask --json, one object a line. Fields that do not apply are
// left out.
type eventJSON struct {
	Type      string          `json:"type"`
	ID        string          `json:"id,omitempty"`      // of a conversation, a message or a call
	Message   string          `json:"message,omitempty"` // id of the message that it belongs to
	Model     *store.ModelRef `json:"model,omitempty"`
	Text      string          `json:"text,omitempty"`
	Server    string          `json:"server,omitempty"`
	Tool      string          `json:"tool,omitempty"`
	Name      string          `json:"name,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	IsError   *bool           `json:"is_error,omitempty"`
	Approve   *bool           `json:"approve,omitempty"`
	State     string          `json:"state,omitempty"` // of a call that the provider runs itself
	Tools     []string        `json:"tools,omitempty"`
	Millis    *int64          `json:"ms,omitempty"`
	Content   store.Parts     `json:"content,omitempty"`
	Role      store.Role      `json:"role,omitempty"`
	Status    store.Status    `json:"status,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Steps     int             `json:"steps,omitempty"`
	Attempt   int             `json:"attempt,omitempty"`
	Of        int             `json:"of,omitempty"`
	Done      float64         `json:"done,omitempty"`
	Total     float64         `json:"total,omitempty"`
	Usage     *store.Usage    `json:"usage,omitempty"`
	Tokens    int64           `json:"tokens,omitempty"`    // that the conversation takes of the model's context
	Limit     int64           `json:"limit,omitempty"`     // the model's context, if it is known
	CostUSD   *float64        `json:"cost_usd,omitempty"`  // of the turn, if the prices are known
	TotalUSD  *float64        `json:"total_usd,omitempty"` // of the conversation so far, if the prices are known
	Until     string          `json:"until,omitempty"`     // id of the last message that a summary covers, or that is left out
	Error     string          `json:"error,omitempty"`
}

// askJSON prints one event a line. An error is an event, too.
func (c *cli) askJSON(ctx context.Context, b *bridge.Bridge, conv store.Conversation, turn iter.Seq2[chat.Event, error]) error {
	if err := c.printJSON(eventJSON{Type: "conversation", ID: conv.ID, Model: &conv.Model}); err != nil {
		return err
	}
	for event, err := range turn {
		if err != nil {
			line := eventJSON{Type: "error", Error: err.Error()}
			if failed := (*model.Error)(nil); errors.As(err, &failed) {
				line.Server = failed.Server
			}
			if printErr := c.printJSON(line); printErr != nil {
				return printErr
			}
			return exitCode(exitError)
		}
		for _, line := range eventLines(event) {
			if line.Type == "done" {
				if line, err = doneLine(ctx, b, conv.ID, line); err != nil {
					return err
				}
			}
			if err := c.printJSON(line); err != nil {
				return err
			}
		}
	}
	return nil
}

// doneLine adds to the end of a turn what the conversation takes now and cost so
// far.
func doneLine(ctx context.Context, b *bridge.Bridge, conversation string, line eventJSON) (eventJSON, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second) // also after a stop
	defer cancel()
	use, err := b.Usage(ctx, conversation)
	if err != nil {
		return line, fmt.Errorf("count what the conversation takes: %w", err)
	}
	line.Tokens, line.Limit, line.TotalUSD = use.Tokens, use.Limit, known(use.Cost)
	return line, nil
}

// known returns the cost, nil if it is not known.
func known(c chat.Cost) *float64 {
	if !c.Known {
		return nil
	}
	return &c.USD
}

func eventLines(e chat.Event) []eventJSON {
	switch e := e.(type) {
	case chat.Appended:
		return []eventJSON{messageLine(e.Message)}
	case chat.Delta:
		switch d := e.Delta.(type) {
		case model.TextDelta:
			return []eventJSON{{Type: "text", Message: e.MessageID, Text: d.Text}}
		case model.ReasoningDelta:
			return []eventJSON{{Type: "reasoning", Message: e.MessageID, Text: d.Text}}
		}
	case chat.Finished:
		lines := []eventJSON{messageLine(e.Message)}
		for _, c := range e.Message.Calls() {
			lines = append(lines, callLine("call", e.Message.ID, c))
		}
		return append(lines, managedLines(e.Message)...)
	case chat.CallAsked:
		line := callLine("asked", e.Approval.MessageID, e.Approval.Call)
		line.Reason = e.Approval.Reason
		return []eventJSON{line}
	case chat.Started:
		return []eventJSON{{Type: "started", ID: e.Message.ID, Model: &e.Message.Model}}
	case chat.Retrying:
		millis := e.Wait.Milliseconds()
		return []eventJSON{{Type: "retrying", Message: e.MessageID, Attempt: e.Attempt, Of: e.Of, Millis: &millis, Reason: e.Reason}}
	case chat.FellBack:
		return []eventJSON{{Type: "fell_back", Message: e.MessageID, Model: &e.To, Reason: e.Reason}}
	case chat.CallProgress:
		return []eventJSON{{Type: "progress", Message: e.MessageID, ID: e.CallID, Text: e.Progress.Message, Done: e.Progress.Done, Total: e.Progress.Total}}
	case chat.CallDone:
		millis := e.Result.Elapsed.Milliseconds()
		return []eventJSON{{
			Type: "result", Message: e.MessageID, ID: e.Result.CallID, IsError: &e.Result.IsError,
			Millis: &millis, Content: e.Result.Content,
		}}
	case chat.Summarising:
		return []eventJSON{{Type: "summarising", Until: e.Until}}
	case chat.Unsummarised:
		return []eventJSON{{Type: "unsummarised", Until: e.Until, Reason: e.Reason}}
	case chat.CallAnswered:
		return []eventJSON{{Type: "answer", Message: e.MessageID, ID: e.Answer.CallID, Approve: &e.Answer.Approve, Reason: e.Answer.Reason}}
	case chat.StepLimit:
		return []eventJSON{{Type: "step_limit", Steps: e.Steps}}
	case chat.Repeating:
		return []eventJSON{{Type: "repeating", Steps: e.Pause.Steps, Reason: e.Pause.String()}}
	case chat.TurnDone:
		return []eventJSON{{Type: "done", Reason: string(e.Reason), Usage: &e.Usage, CostUSD: known(e.Cost)}}
	}
	return nil
}

func messageLine(m store.Message) eventJSON {
	text := m.Text()
	for _, p := range m.Parts {
		if s, ok := p.(store.Summary); ok {
			text = s.Text
		}
	}
	return eventJSON{Type: "message", ID: m.ID, Role: m.Role, Status: m.Status, Text: text, Error: m.Error}
}

func callLine(kind, message string, c store.ToolCall) eventJSON {
	return eventJSON{Type: kind, Message: message, ID: c.ID, Server: c.Server, Tool: c.Tool, Name: c.Name, Arguments: c.Arguments}
}
