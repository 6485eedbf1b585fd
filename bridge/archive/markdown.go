package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Markdown writes what is shown of a conversation for people: the chain of
// messages from the first to the last. Nothing that a model or a tool wrote is
// left out but pictures and files, which are named.
func Markdown(w io.Writer, c store.Conversation, chain []store.Message) error {
	var b strings.Builder
	title := oneLine(c.Title)
	if title == "" {
		title = "Conversation"
	}
	fmt.Fprintf(&b, "# %s\n\n%s", title, c.CreatedAt.UTC().Format("2006-01-02 15:04 UTC"))
	if c.Model.Model != "" {
		fmt.Fprintf(&b, " · %s", oneLine(c.Model.Model))
	}
	b.WriteString("\n")
	if c.System != "" {
		fmt.Fprintf(&b, "\n## System prompt\n\n%s\n", c.System)
	}
	for _, m := range chain {
		switch m.Role {
		case store.RoleUser:
			b.WriteString("\n## You\n")
		case store.RoleAssistant:
			b.WriteString("\n## Assistant")
			if m.Model.Model != "" {
				fmt.Fprintf(&b, " (%s)", oneLine(m.Model.Model))
			}
			b.WriteString("\n")
		case store.RoleSummary:
			b.WriteString("\n## Summary of what came before\n")
		}
		for _, p := range m.Parts {
			writePart(&b, p)
		}
		if m.Status == store.StatusInterrupted {
			b.WriteString("\n*(interrupted)*\n")
		}
		if m.Error != "" {
			fmt.Fprintf(&b, "\n*(%s)*\n", oneLine(m.Error))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writePart(b *strings.Builder, p store.Part) {
	switch p := p.(type) {
	case store.Text:
		fmt.Fprintf(b, "\n%s\n", p.Text)
	case store.Reasoning:
		fmt.Fprintf(b, "\n<details><summary>Thinking</summary>\n\n%s\n\n</details>\n", fenced("", p.Text))
	case store.ToolCall:
		fmt.Fprintf(b, "\n**→ %s**\n\n%s\n", code(p.Name), fenced("json", indented(p.Arguments)))
	case store.ToolResult:
		words := "← result"
		if p.IsError {
			words = "← failed"
		}
		fmt.Fprintf(b, "\n**%s**\n", words)
		writeContent(b, p.Content)
		if len(p.Structured) > 0 && p.Content.Text() == "" {
			fmt.Fprintf(b, "\n%s\n", fenced("json", indented(p.Structured)))
		}
	case store.ManagedCall:
		fmt.Fprintf(b, "\n**⇢ %s** (run by the provider)\n\n%s\n", code(p.Server+"__"+p.Tool), fenced("json", indented(p.Arguments)))
		writeContent(b, p.Content)
	case store.Image:
		fmt.Fprintf(b, "\n*[image, %s, %d bytes]*\n", oneLine(p.MIMEType), len(p.Data))
	case store.File:
		fmt.Fprintf(b, "\n*[file %s %s]*\n", oneLine(p.Name), code(p.URI))
	case store.Summary:
		fmt.Fprintf(b, "\n%s\n", p.Text)
	}
}

// writeContent writes what a tool gave, whose text is no Markdown of ours.
func writeContent(b *strings.Builder, content store.Parts) {
	for _, p := range content {
		if t, ok := p.(store.Text); ok {
			fmt.Fprintf(b, "\n%s\n", fenced("", t.Text))
		} else {
			writePart(b, p)
		}
	}
}

// fenced is a block of code that ends where it should, whatever is in it.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimRight(text, "\n") + "\n" + fence
}

// code is a span of code.
func code(s string) string {
	s = oneLine(s)
	if s == "" {
		return ""
	}
	tick := "`"
	for strings.Contains(s, tick) {
		tick += "`"
	}
	if len(tick) > 1 {
		return tick + " " + s + " " + tick
	}
	return tick + s + tick
}

func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw) // a model can write what is no JSON
	}
	return b.String()
}

// oneLine puts a text that others chose on one line.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s))
}
