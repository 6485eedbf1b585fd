package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/bridge/mcphost"
)

// elicitor asks at the terminal what servers want to know.
func (c *cli) elicitor() bridge.Elicitor { return &terminal{session: c.session} }

// Elicit asks at the terminal, field by field. Without one the question is
// declined. It is part of bridge.Elicitor.
func (t *terminal) Elicit(ctx context.Context, e bridge.Elicitation) (bridge.ElicitAnswer, error) {
	if !t.session.StdinTTY {
		fmt.Fprintf(t.session.Stderr, "drawbridge: the server %s asks something, which is declined, as there is no terminal\n", visible(e.ServerName))
		return bridge.ElicitAnswer{Action: mcphost.Declined}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	say := func(format string, a ...any) { fmt.Fprintf(t.session.Stderr, format, a...) }
	say("\nThe server %s asks you:\n", visible(e.ServerName))
	for line := range strings.SplitSeq(visible(e.Message), "\n") {
		say("  | %s\n", line)
	}
	for _, w := range e.Warnings {
		say("Careful: %s\n", visible(w))
	}
	if e.Link != nil {
		say("It wants you to visit %s, the whole address is\n  %s\nNothing is opened for you. ", visible(e.Link.Host), visible(e.Link.URL))
	}
	if len(e.Fields) > 0 {
		say("Return takes what stands in brackets, or leaves a field empty. ")
	}
	for {
		say("[a]nswer, [d]ecline, or [c]ancel? ")
		line, err := t.line(ctx)
		if err != nil {
			return bridge.ElicitAnswer{Action: mcphost.Dismissed}, err
		}
		switch strings.ToLower(line) {
		case "a", "answer", "y", "yes":
			return t.fill(ctx, e)
		case "d", "decline", "n", "no":
			return bridge.ElicitAnswer{Action: mcphost.Declined}, nil
		case "c", "cancel", "":
			return bridge.ElicitAnswer{Action: mcphost.Dismissed}, nil
		}
	}
}

// fieldTries is how often a field is asked for before the question is left.
const fieldTries = 10

// fill asks for the fields. The caller holds mu.
func (t *terminal) fill(ctx context.Context, e bridge.Elicitation) (bridge.ElicitAnswer, error) {
	content := map[string]any{}
	for _, f := range e.Fields {
		for tries := 0; ; {
			t.prompt(f)
			line, err := t.line(ctx)
			if err != nil {
				return bridge.ElicitAnswer{Action: mcphost.Dismissed}, err
			}
			v, err := f.Parse(line)
			if err == nil {
				err = f.Check(v)
			}
			if err == nil {
				if v != nil {
					content[f.Name] = v
				}
				break
			}
			if tries++; tries == fieldTries { // the input may have ended
				return bridge.ElicitAnswer{Action: mcphost.Dismissed}, nil
			}
			fmt.Fprintf(t.session.Stderr, "  %s\n", visible(err.Error()))
		}
	}
	return bridge.ElicitAnswer{Action: mcphost.Accepted, Content: content}, nil
}

// prompt says what a field takes.
func (t *terminal) prompt(f mcphost.Field) {
	if f.Description != "" {
		fmt.Fprintf(t.session.Stderr, "  (%s)\n", visible(f.Description))
	}
	var about []string
	switch f.Kind {
	case mcphost.FieldSwitch:
		about = append(about, "yes or no")
	case mcphost.FieldNumber:
		about = append(about, "a number")
	case mcphost.FieldInteger:
		about = append(about, "a whole number")
	case mcphost.FieldChoice, mcphost.FieldChoices:
		var values []string
		for _, c := range f.Choices {
			if c.Title != c.Value {
				values = append(values, c.Value+" ("+c.Title+")")
			} else {
				values = append(values, c.Value)
			}
		}
		word := "one of "
		if f.Kind == mcphost.FieldChoices {
			word = "any of, with commas between: "
		}
		about = append(about, word+strings.Join(values, ", "))
	default:
		if f.Format != "" {
			about = append(about, f.Format)
		}
	}
	if f.Required && f.Default == nil {
		about = append(about, "required")
	}
	line := "  " + f.Label()
	if len(about) > 0 {
		line += " (" + strings.Join(about, "; ") + ")"
	}
	switch d := f.Default.(type) {
	case nil:
	case bool:
		line += map[bool]string{true: " [yes]", false: " [no]"}[d]
	case []string:
		line += " [" + strings.Join(d, ", ") + "]"
	default:
		line += fmt.Sprintf(" [%v]", d)
	}
	fmt.Fprint(t.session.Stderr, strings.ReplaceAll(visible(line), "\n", " ")+": ")
}
