package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// Prompt is a message that a server has ready ("Prompts" of the specification).
// Its texts are the server's words. No model gets one unless a person chose it.
type Prompt struct {
	Name, Title, Description string
	Arguments                []PromptArgument
	Icon                     *Icon           // nil without one that may be shown
	Definition               json.RawMessage // as Resource has it
}

// PromptArgument is a value that a prompt takes.
type PromptArgument struct {
	Name, Title, Description string
	Required                 bool
}

// PromptMessage is one message of a prompt.
type PromptMessage struct {
	Role  store.Role // RoleUser or RoleAssistant
	Parts store.Parts
}

const (
	promptArgumentsMax = 100
	promptMessagesMax  = 1000
	argumentMax        = 1 << 20 // bytes of a value
)

// Prompts lists the prompts of a server: to the end, up to 10,000, and from
// memory while the last listing counts. The error is a sentence; it wraps
// store.ErrNotFound where the server has none.
func (m *Manager) Prompts(ctx context.Context, server string) ([]Prompt, error) {
	var out []Prompt
	err := m.with(ctx, server, func(k *link) (err error) {
		if !k.capabilities().Prompts {
			return k.errNoOffer("prompts")
		}
		out, err = list(ctx, k, m.o, listPrompts, "prompts", k.newPrompt)
		return err
	})
	return out, err
}

func (k *link) newPrompt(raw json.RawMessage) (Prompt, error) {
	w, err := k.entry(raw)
	if err != nil {
		return Prompt{}, err
	}
	var name struct {
		Name      string `json:"name"`
		Arguments []struct {
			Name, Title, Description string
			Required                 bool
		} `json:"arguments"`
	}
	if err := json.Unmarshal(raw, &name); err != nil {
		return Prompt{}, errors.New("it is not what the protocol asks for")
	}
	proper := func(s string) bool { return s != "" && len(s) <= nameMax && clean(s, unseen) }
	if !proper(name.Name) || len(name.Arguments) > promptArgumentsMax {
		return Prompt{}, errors.New("its name is missing, too long or cannot be shown, or it takes too much")
	}
	p := Prompt{Name: name.Name, Title: w.Title, Description: w.Description, Icon: newIcon(w.Icons), Definition: k.definition(raw)}
	for _, a := range name.Arguments {
		if !proper(a.Name) {
			return Prompt{}, errors.New("the name of an argument is missing, too long or cannot be shown")
		}
		text := func(s string) string { return k.redactor.Text(cut(visible(s), 4<<10)) }
		p.Arguments = append(p.Arguments, PromptArgument{a.Name, text(a.Title), text(a.Description), a.Required})
	}
	return p, nil
}

// GetPrompt has a server fill in a prompt. The error is a sentence.
func (m *Manager) GetPrompt(ctx context.Context, server, name string, arguments map[string]string) ([]PromptMessage, error) {
	for key, v := range arguments {
		if len(v) > argumentMax {
			return nil, sentence(fmt.Sprintf("The value of %q is longer than %d MiB.", key, argumentMax>>20), store.ErrInvalid)
		}
	}
	var out []PromptMessage
	err := m.with(ctx, server, func(k *link) error {
		if !k.capabilities().Prompts {
			return k.errNoOffer("prompts")
		}
		raw, err := k.ask(ctx, m.o, func(ctx context.Context, r round) error {
			_, err := k.session.GetPrompt(ctx, &mcp.GetPromptParams{
				Meta: mcp.Meta{"progressToken": r.token}, Name: name, Arguments: arguments, InputResponses: r.responses, RequestState: r.state,
			})
			return err
		})
		if err != nil {
			return err
		}
		var w struct {
			Messages []struct {
				Role    string          `json:"role"`
				Content json.RawMessage `json:"content"`
			} `json:"messages"`
		}
		if json.Unmarshal(raw, &w) != nil {
			return fmt.Errorf("the server %q answered with something that is no prompt", k.name)
		}
		if len(w.Messages) > promptMessagesMax {
			return fmt.Errorf("the prompt has %d messages; at most %d are taken", len(w.Messages), promptMessagesMax)
		}
		out = nil
		for _, one := range w.Messages {
			msg := PromptMessage{Role: store.RoleUser}
			if one.Role == "assistant" {
				msg.Role = store.RoleAssistant
			}
			var list []json.RawMessage
			if json.Unmarshal(one.Content, &list) != nil {
				list = []json.RawMessage{one.Content}
			}
			if len(list) > contentsMax {
				return fmt.Errorf("a message of the prompt has %d parts; at most %d are taken", len(list), contentsMax)
			}
			for _, raw := range list {
				var c wireContent
				if json.Unmarshal(raw, &c) != nil {
					return fmt.Errorf("the server %q answered with something that is no prompt", k.name)
				}
				msg.Parts = append(msg.Parts, newPart(c, k.redactor))
			}
			out = append(out, msg)
		}
		return nil
	})
	return out, err
}

// Completing names what a value is for: an argument of a prompt, or a variable
// of a template. One of Prompt and Template is set.
type Completing struct {
	Prompt   string
	Template string // its URITemplate
	Argument string
	// Others are the values that are known already.
	Others map[string]string
}

const completionsMax = 100 // as the protocol has it

// Complete returns what a server proposes for a value that begins with typed;
// nothing where it proposes nothing. The error is a sentence.
func (m *Manager) Complete(ctx context.Context, server string, c Completing, typed string) ([]string, error) {
	var out []string
	err := m.with(ctx, server, func(k *link) error {
		if !k.capabilities().Completions {
			return nil
		}
		params := &mcp.CompleteParams{Argument: mcp.CompleteParamsArgument{Name: c.Argument, Value: typed}}
		params.Ref = &mcp.CompleteReference{Type: "ref/prompt", Name: c.Prompt}
		if c.Template != "" {
			params.Ref = &mcp.CompleteReference{Type: "ref/resource", URI: c.Template}
		}
		if len(c.Others) > 0 {
			params.Context = &mcp.CompleteContext{Arguments: c.Others}
		}
		raw, err := k.ask(ctx, m.o, func(ctx context.Context, _ round) error {
			_, err := k.session.Complete(ctx, params)
			return err
		})
		if err != nil {
			return err
		}
		var w struct {
			Completion struct {
				Values []string `json:"values"`
			} `json:"completion"`
		}
		if json.Unmarshal(raw, &w) != nil {
			return fmt.Errorf("the server %q answered with something that proposes nothing", k.name)
		}
		out = slices.DeleteFunc(w.Completion.Values, func(s string) bool { return len(s) > fieldTextMax || !clean(s, unseen) })
		out = out[:min(len(out), completionsMax)]
		return nil
	})
	return out, err
}
