package mcphost

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

func TestManyPages(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	if s := ready(t, m, child(t, "s", "many")); len(s.Tools) != 5000 || s.Tools[4999].Tool != "tool_4999" {
		t.Errorf("%d tools", len(s.Tools))
	}
}

func TestEndlessPages(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]int{"endless": pagesMax, "circle": 3} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, nil)
			if s := ready(t, m, child(t, "s", mode)); len(s.Tools) != want {
				t.Errorf("%d tools, not %d", len(s.Tools), want)
			}
			if !logHas(m, "s", "its list of tools") {
				t.Errorf("the log says nothing: %q", tail(m, "s"))
			}
		})
	}
}

func TestListChanged(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	ready(t, m, child(t, "s", "echo"))
	for _, name := range []string{"first", "second"} {
		mustCall(t, m, "s", "grow", `{"text":"`+name+`"}`)
		await(t, m, "s", name, func(s Status) bool { return s.State == Ready && slices.Contains(names(s.Tools), name) })
		if r := mustCall(t, m, "s", name, `{}`); r.Content.Text() != "grown" {
			t.Errorf("%+v", r)
		}
	}
}

func TestOddTools(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	s := ready(t, m, child(t, "s", "odd-tools"))
	if got, want := names(s.Tools), []string{"plain", "none", "untyped", "number", "tricky"}; !slices.Equal(got, want) {
		t.Fatalf("%v, not %v; log %q", got, want, tail(m, "s"))
	}
	byName := map[string]tools.Tool{}
	for _, tool := range s.Tools {
		byName[tool.Tool] = tool
	}
	plain := byName["plain"]
	if got, want := string(plain.Definition), `{"annotations":{"readOnlyHint":true,"title":"From annotations"},"description":"d","inputSchema":{"properties":{"n":{"const":1.0}},"type":"object"},"name":"plain","unknown":{"a":[],"z":1}}`; got != want {
		t.Errorf("%s,\nnot %s", got, want)
	}
	if plain.Hash != hashOf(plain.Definition) || plain.Title != "From annotations" || plain.Claims.ReadOnly == nil || !*plain.Claims.ReadOnly || plain.Claims.OpenWorld != nil {
		t.Errorf("%+v", plain)
	}
	if got := string(byName["none"].InputSchema); got != `{"type":"object"}` {
		t.Errorf("a missing schema became %s", got)
	}
	if got := string(byName["untyped"].InputSchema); got != `{"properties":{"a":{"type":"string"}},"type":"object"}` {
		t.Errorf("an untyped schema became %s", got)
	}
	if got := string(byName["untyped"].Definition); strings.Contains(got, `"type":"object"`) {
		t.Errorf("the definition was mended too: %s", got)
	}
	tricky := byName["tricky"]
	if got, want := tricky.Description, "read‹U+202E› this ‹U+200B›‹U+E000› ‹U+E0041› ‹U+001B›[31mred"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got, want := string(tricky.InputSchema), `{"properties":{"p‹U+200B›":{"description":"‹U+E0042›","type":"string"}},"type":"object"}`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	var raw struct{ Description string }
	if err := json.Unmarshal(tricky.Definition, &raw); err != nil || !strings.Contains(raw.Description, "\u202e") {
		t.Errorf("the definition lost what was sent: %q, %v", raw.Description, err)
	}
	if tricky.OutputSchema != nil {
		t.Errorf("output schema %s", tricky.OutputSchema)
	}
	for _, name := range []string{"array", "text", `"plain" is listed twice`} {
		if !logHas(m, "s", name) {
			t.Errorf("the log does not speak of %s", name)
		}
	}
}

func TestInstructions(t *testing.T) {
	t.Parallel()
	m := newManager(t, nil)
	s := ready(t, m, child(t, "s", "echo"))
	if s.Instructions == nil || s.Instructions.Text != "Be kind." || s.Instructions.Server != "s" || s.Instructions.Hash != hashOf([]byte("Be kind.")) {
		t.Errorf("%+v", s.Instructions)
	}
	if got := m.Instructions(); len(got) != 1 || got[0] != *s.Instructions {
		t.Errorf("%+v", got)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		` { "b" : 1.10, "a" : [ "<&>", null ] } `: `{"a":["<&>",null],"b":1.10}`,
		`{"a":1,"a":2}`:              `{"a":2}`,
		"\"\xff\"":                   "\"\uFFFD\"",
		`123456789012345678901`:      `123456789012345678901`,
		`{"a":"\u0041\ud83d\ude00"}`: `{"a":"A😀"}`,
	} {
		got, err := canonical(json.RawMessage(in))
		if err != nil || string(got) != want {
			t.Errorf("%s became %s (%v), not %s", in, got, err, want)
		}
	}
	for _, in := range []string{``, `{`, `{} {}`, `nul`, strings.Repeat("[", 20_000)} {
		if got, err := canonical(json.RawMessage(in)); err == nil {
			t.Errorf("%.20q became %s", in, got)
		}
	}
}

func FuzzNewTool(f *testing.F) {
	for _, s := range strings.Split(strings.ReplaceAll(oddTools, "\n", ""), "},{") {
		f.Add([]byte("{" + strings.Trim(s, "{}") + "}"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tool, _, err := newTool("s", raw)
		if err != nil {
			return
		}
		if tool.Tool == "" || tool.Hash != hashOf(tool.Definition) || !json.Valid(tool.Definition) {
			t.Fatalf("%+v", tool)
		}
		var schema struct{ Type string }
		if err := json.Unmarshal(tool.InputSchema, &schema); err != nil || schema.Type != "object" {
			t.Fatalf("input schema %s: %v", tool.InputSchema, err)
		}
		if !clean(tool.Description, unseen) || !clean(tool.Title, unseen) || !clean(tool.Tool, unseen) {
			t.Fatalf("unseen characters: %+v", tool)
		}
		again, err := canonical(tool.Definition)
		if err != nil || string(again) != string(tool.Definition) {
			t.Fatalf("not canonical: %s", tool.Definition)
		}
	})
}
