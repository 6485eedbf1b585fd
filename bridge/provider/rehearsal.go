package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// RehearsalModel is the only model of the rehearsal.
const RehearsalModel = "rehearsal"

// rehearsal stands in for a model so that everything else can be tried without
// a key or a network. It understands nothing: it calls the tools that a message
// names with the arguments that the message gives, reports what they returned,
// and says plainly that it is no AI. Any goroutine may use it.
type rehearsal struct{ delay time.Duration }

func newRehearsal(o Options) *rehearsal {
	switch {
	case o.RehearsalDelay == 0:
		return &rehearsal{15 * time.Millisecond}
	case o.RehearsalDelay < 0:
		return &rehearsal{}
	}
	return &rehearsal{o.RehearsalDelay}
}

// Features implements model.Client: calling functions is all.
func (r *rehearsal) Features() model.Features { return model.Features{} }

// Dialect implements model.Client. It is OpenAI's, so that a rehearsal shows
// the names that a real model would get.
func (r *rehearsal) Dialect() tools.Dialect { return tools.OpenAI }

// Models implements model.Client.
func (r *rehearsal) Models(context.Context) ([]model.Info, error) {
	return []model.Info{{ID: RehearsalModel, Name: "Rehearsal (no AI)"}}, nil
}

// Stream implements model.Client.
func (r *rehearsal) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		text, calls := rehearse(req)
		switch mode, name := choiceOf(req); {
		case mode == model.ChoiceNone:
			calls = nil
		case mode == model.ChoiceRequired && (len(calls) == 0 || name != "" && slices.ContainsFunc(calls, func(c rehearsedCall) bool { return c.name != name })):
			yield(nil, &model.Error{Kind: model.ErrorRequest, Message: "A tool has to be called, and the rehearsal calls only what the last message names. Write the tool's name and its arguments."})
			return
		}
		if err := unsaid("the rehearsal", req.Sampling, false, false); err != nil {
			yield(nil, err)
			return
		}
		say := func(d model.Delta) bool {
			if err := r.wait(ctx); err != nil {
				yield(nil, err)
				return false
			}
			return yield(d, nil)
		}
		for _, piece := range pieces(text, 16) {
			if !say(model.TextDelta{Text: piece}) {
				return
			}
		}
		for i, c := range calls {
			if !say(model.CallDelta{Index: i, ID: "call_" + store.NewID(), Name: c.name}) {
				return
			}
			for _, piece := range pieces(string(c.arguments), 16) {
				if !say(model.CallDelta{Index: i, Arguments: piece}) {
					return
				}
			}
		}
		reason := model.StopEnd
		if len(calls) > 0 {
			reason = model.StopCalls
		}
		say(model.Done{Reason: reason})
	}
}

func (r *rehearsal) wait(ctx context.Context) error {
	if r.delay == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(r.delay)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// pieces cuts a text into pieces of at least size bytes that end between
// characters. A long text gets longer pieces, so that it does not take minutes
// to be shown.
func pieces(text string, size int) []string {
	size = max(size, len(text)/200)
	var out []string
	for len(text) > 0 {
		n := min(size, len(text))
		for n < len(text) && text[n]&0xc0 == 0x80 {
			n++
		}
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// rehearsedCall is a call that a message asks for.
type rehearsedCall struct {
	name      string
	arguments json.RawMessage
}

// rehearse returns what to say to a history, and what to call.
func rehearse(req model.Request) (string, []rehearsedCall) {
	if n := len(req.Messages); n > 0 && req.Messages[n-1].Role == store.RoleTool {
		return report(req.Messages), nil
	}
	var said string
	if i := lastUser(req.Messages); i >= 0 {
		said = req.Messages[i].Text()
	}
	offered := newOffer(req.Tools)
	wishes := offered.read(said)
	if len(wishes) == 0 {
		return explain(offered, said), nil
	}
	var calls []rehearsedCall
	var problems []string
	for _, w := range wishes {
		if w.problem != "" {
			problems = append(problems, w.problem)
			continue
		}
		calls = append(calls, rehearsedCall{w.function.Name, w.arguments})
	}
	if len(problems) > 0 {
		return "I am the rehearsal, not an AI, so I call nothing that is not written out.\n\n" + strings.Join(problems, "\n\n"), nil
	}
	names := make([]string, len(calls))
	for i, c := range calls {
		names[i] = "`" + c.name + "`"
	}
	return "I am the rehearsal, not an AI. You named " + strings.Join(names, ", ") + ", so I call it as you wrote.", calls
}

// maxReport is how many bytes of one result the report repeats; the card of the
// call shows all of it.
const maxReport = 4000

// report says what the calls of the last step returned.
func report(msgs []store.Message) string {
	names := map[string]string{}
	for i := len(msgs) - 2; i >= 0 && msgs[i].Role != store.RoleUser; i-- {
		for _, c := range msgs[i].Calls() {
			names[c.ID] = c.Name
		}
	}
	var b strings.Builder
	b.WriteString("This is the rehearsal, not an AI. ")
	for i, r := range msgs[len(msgs)-1].Results() {
		if i > 0 {
			b.WriteString("\n\n")
		}
		name := names[r.CallID]
		if name == "" {
			name = "The tool"
		} else {
			name = "`" + name + "`"
		}
		text := strings.Join(resultTexts(store.ToolResult{Content: r.Content, Structured: r.Structured},
			func(store.Image) bool { return false }), "\n")
		switch {
		case r.IsError && text == "":
			b.WriteString(name + " failed without saying why.")
			continue
		case r.IsError:
			b.WriteString(name + " was not done:\n\n")
		case text == "":
			b.WriteString(name + " returned nothing.")
			continue
		default:
			b.WriteString(name + " returned:\n\n")
		}
		b.WriteString(fenced(cut(text, maxReport)))
	}
	return b.String()
}

// fenced sets a text as code, with a fence that the text does not contain.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + strings.TrimSuffix(text, "\n") + "\n" + fence
}

// maxListed is how many tools the explanation lists.
const maxListed = 30

// explain says what the rehearsal is and what it could call.
func explain(o *offer, said string) string {
	var b strings.Builder
	b.WriteString("I am the rehearsal: a stand-in that needs no key and no network. I am no AI and understand nothing; I call the tool that your message names, through the same approval and on the same path as a real model, and report what it returned.\n\n")
	if name, ok := o.unoffered(said); ok {
		fmt.Fprintf(&b, "No tool named `%s` is offered in this conversation. It may be switched off, or its server may not be running.\n\n", name)
	}
	if len(o.functions) == 0 {
		b.WriteString("At the moment no tool is offered to me. Add a server on the Servers page, or switch tools on with the Tools button, and write to me again. For real answers, choose a provider under Settings.")
		return b.String()
	}
	b.WriteString("Write a tool's name and its arguments, as a JSON object or as `key=value` (in quotes if there are spaces); one tool a line if you want several at once. For example:\n\n")
	b.WriteString(fenced(example(o.functions[o.simplest()])))
	b.WriteString("\n\nI could call:\n")
	for i, f := range o.functions {
		if i == maxListed {
			fmt.Fprintf(&b, "\n- and %d more", len(o.functions)-maxListed)
			break
		}
		fmt.Fprintf(&b, "\n- `%s`", f.Name)
		if d := clean(f.Description, 100); d != "" {
			b.WriteString(": " + escapeMarkdown(d))
		}
	}
	return b.String()
}

func escapeMarkdown(s string) string {
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
		"<", `\<`, ">", `\>`, "#", `\#`, "|", `\|`, "!", `\!`, "~", `\~`).Replace(s)
}
