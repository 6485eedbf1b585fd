package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSecretShowsNothing(t *testing.T) {
	t.Parallel()
	const value = "sk-the-value"
	s := NewSecret(value)
	var logged bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(h).Info("x", "secret", s, "group", slog.GroupValue(slog.Any("in", s)), "list", []Secret{s}, "err", fmt.Errorf("with %v", s))
	}
	type wrap struct {
		S  Secret
		P  *Secret
		M  map[string]Secret
		in Secret
	}
	w := wrap{s, &s, map[string]Secret{"k": s}, s}
	encoded, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	shown := logged.String() + string(encoded) + s.String() + s.GoString() + fmt.Sprint(s, &s)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s"} {
		shown += fmt.Sprintf(verb+verb, s, w)
	}
	for _, bad := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value)} {
		if strings.Contains(shown, bad) {
			t.Errorf("the secret shows: %s", shown)
		}
	}
	if s.Reveal() != value || s.Empty() || !(Secret{}).Empty() {
		t.Error("the secret does not hold its value")
	}
}

func TestValueExpands(t *testing.T) {
	t.Parallel()
	known := map[SecretRef]string{"tok": "T", "server/git hub/env/K": "K$1${secret:tok}", "server/a/b/header/X-$": "H"}
	lookup := func(r SecretRef) (Secret, error) {
		v, ok := known[r]
		if !ok {
			return Secret{}, ErrNotFound
		}
		return NewSecret(v), nil
	}
	for value, want := range map[Value]string{
		"":                     "",
		"plain $HOME ${HOME}":  "plain $HOME ${HOME}",
		"${secret:tok}":        "T",
		"Bearer ${secret:tok}": "Bearer T",
		"${secret:tok}${secret:tok} and ${secret:tok}": "TT and T",
		RefTo(ServerSecret("git hub", "env", "K")):     "K$1${secret:tok}", // not expanded again
		RefTo(ServerSecret("a/b", "header", "X-$")):    "H",
		"${secret:}": "${secret:}",
		"${secret:a": "${secret:a",
	} {
		got, err := value.Expand(lookup)
		if err != nil || got.Reveal() != want {
			t.Errorf("%s: %q, error %v; want %q", value, got.Reveal(), err, want)
		}
		if value.Secret() != (len(value.Refs()) > 0) {
			t.Errorf("%s: Secret and Refs disagree", value)
		}
	}
	if _, err := Value("x ${secret:none}").Expand(lookup); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown secret: %v", err)
	}
}

// TestRefsOfAnyServer holds that each server that may be kept can refer to its
// own secrets, and to nobody else's.
func TestRefsOfAnyServer(t *testing.T) {
	t.Parallel()
	ids := []string{"gh", "git hub", "io.github.user/name", "@scope/pkg", "a", "a/b", "a/env", "a/env/K", "ü $x", strings.Repeat("n", 200)}
	for _, id := range ids {
		ref := ServerSecret(id, "env", "K")
		if refs := RefTo(ref).Refs(); len(refs) != 1 || refs[0] != ref {
			t.Errorf("%s: the reference comes back as %q", ref, refs)
		}
		for _, other := range ids {
			if ref.MayUse(other) != (id == other) {
				t.Errorf("%s may be used by %s: %v", ref, other, ref.MayUse(other))
			}
			c := ServerConfig{ID: other, Name: other, Transport: TransportStdio, Command: "x", Env: map[string]Value{"K": RefTo(ref)}}
			if err := c.Validate(); (err == nil) != (id == other) {
				t.Errorf("%s in the environment of %s: %v", ref, other, err)
			}
		}
		if ProviderSecret("openai", "key").MayUse(id) || !SecretRef("mine").MayUse(id) {
			t.Errorf("%s may use a provider's key, or not what a person named", id)
		}
	}
	for _, name := range []string{"a{b", "a}b", "a\nb", strings.Repeat("n", 201), "", " "} {
		c := ServerConfig{ID: name, Name: name, Transport: TransportStdio, Command: "x"}
		if err := c.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	for ref, want := range map[SecretRef][2]string{
		ServerSecret("a/b", "env", "K"):         {"a/b", ""},
		ProviderSecret("openai", "key"):         {"", "openai"},
		ProviderSecret("openai", "header/X-Or"): {"", "openai"},
		"server/a":                              {"", ""},
		"provider/a":                            {"", ""},
		"mine":                                  {"", ""},
	} {
		server, isServer := ref.ServerID()
		provider, isProvider := ref.ProviderID()
		if isServer != (want[0] != "") || isServer && server != want[0] {
			t.Errorf("%s: server %q %v", ref, server, isServer)
		}
		if isProvider != (want[1] != "") || isProvider && provider != want[1] {
			t.Errorf("%s: provider %q %v", ref, provider, isProvider)
		}
	}
}

func TestServerHash(t *testing.T) {
	t.Parallel()
	base := func() ServerConfig {
		return ServerConfig{
			ID: "a", Name: "a", Transport: TransportStdio, Command: "npx", Args: []string{"-y", "p"},
			Env: map[string]Value{"A": "1", "K": "${secret:k}"}, Dir: "/d",
		}
	}
	same := map[string]func(*ServerConfig){
		"nothing":  func(*ServerConfig) {},
		"name":     func(c *ServerConfig) { c.Name, c.ID = "b", "b" },
		"disabled": func(c *ServerConfig) { c.Disabled = true },
	}
	other := map[string]func(*ServerConfig){
		"transport":  func(c *ServerConfig) { c.Transport = TransportHTTP },
		"command":    func(c *ServerConfig) { c.Command += " " },
		"argument":   func(c *ServerConfig) { c.Args[1] = "q" },
		"split":      func(c *ServerConfig) { c.Args = []string{"-y p"} },
		"more":       func(c *ServerConfig) { c.Args = append(c.Args, "") },
		"value":      func(c *ServerConfig) { c.Env["A"] = "2" },
		"reference":  func(c *ServerConfig) { c.Env["K"] = "${secret:l}" },
		"name of it": func(c *ServerConfig) { delete(c.Env, "A"); c.Env["B"] = "1" },
		"folder":     func(c *ServerConfig) { c.Dir = "" },
		"url":        func(c *ServerConfig) { c.URL = "https://x" },
		"header":     func(c *ServerConfig) { c.Headers = map[string]Value{"A": "1"} },
	}
	seen := map[string]string{}
	for name, change := range other {
		c := base()
		change(&c)
		h := c.Hash()
		if h == base().Hash() || seen[h] != "" {
			t.Errorf("%s has the hash of another: %q", name, seen[h])
		}
		seen[h] = name
	}
	for name, change := range same {
		c := base()
		change(&c)
		if c.Hash() != base().Hash() {
			t.Errorf("%s changes the hash", name)
		}
	}
	c := base()
	d := c.Clone()
	d.Args[0], d.Env["A"] = "x", "x"
	if c.Hash() != base().Hash() {
		t.Error("a clone shares something")
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	ps := Parts{
		Text{"t"}, Reasoning{Text: "r"}, Text{"u"},
		ToolCall{ID: "1", Name: "s__t", Server: "s", Tool: "t", Arguments: json.RawMessage(`{"a":1}`)},
		ToolResult{CallID: "1", Content: Parts{Text{"x"}, Image{"image/png", []byte{0, 1}}}, Structured: json.RawMessage(`[]`), IsError: true, Started: time.Unix(1, 2).UTC(), Elapsed: 3},
		File{Name: "n", Data: []byte("d")}, Opaque{Model: ModelRef{"p", "m"}, Data: json.RawMessage(`"z"`)},
	}
	b, err := json.Marshal(ps)
	if err != nil {
		t.Fatal(err)
	}
	var back Parts
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, ps) {
		t.Errorf("%v\n got %+v\nwant %+v", err, back, ps)
	}
	m := Message{Parts: ps}
	if m.Text() != "tu" || len(m.Calls()) != 1 || len(m.Results()) != 1 {
		t.Errorf("text %q, %d calls, %d results", m.Text(), len(m.Calls()), len(m.Results()))
	}
	if err := json.Unmarshal([]byte(`[{"type":"hologram"}]`), &back); !errors.Is(err, ErrNewer) {
		t.Errorf("a part of a later version: %v", err)
	}
	if _, err := json.Marshal(Parts{nil}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a nil part: %v", err)
	}
	for _, bad := range []string{`{}`, `[1]`, `[{"type":7}]`, `[{"type":"text","text":7}]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	var zero Switches
	none := Switches{Off: true}
	one := none.SetServer("a", true).SetTool("a", "x", false).SetTool("b", "y", true)
	for _, tt := range []struct {
		name         string
		s            Switches
		server, tool string
		on           bool
	}{
		{"zero", zero, "a", "x", true},
		{"none", none, "a", "x", false},
		{"one server", one, "a", "z", true},
		{"its tool off", one, "a", "x", false},
		{"a tool of a server that is off", one, "b", "y", false},
		{"server off", zero.SetServer("a", false), "a", "x", false},
		{"another", zero.SetServer("a", false), "b", "x", true},
		{"tool off", zero.SetTool("a", "x", false), "a", "x", false},
		{"tool on again", zero.SetTool("a", "x", false).SetTool("a", "x", true), "a", "x", true},
	} {
		if got := tt.s.On(tt.server, tt.tool); got != tt.on {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	c := one.Clone()
	c.Servers["a"], c.Tools["a"]["x"] = false, true
	if !one.On("a", "z") || one.On("a", "x") {
		t.Error("a clone shares something")
	}
}

func TestProviderValidate(t *testing.T) {
	t.Parallel()
	good := ProviderConfig{ID: "a", Kind: ProviderChat, BaseURL: "https://x/v1", Headers: map[string]Value{"X-A": "${secret:provider/a/header/X-A}"}}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*ProviderConfig){
		"id":             func(p *ProviderConfig) { p.ID = "A b" },
		"kind":           func(p *ProviderConfig) { p.Kind = "pigeon" },
		"address":        func(p *ProviderConfig) { p.BaseURL = "x/v1" },
		"scheme":         func(p *ProviderConfig) { p.BaseURL = "file:///x" },
		"password":       func(p *ProviderConfig) { p.BaseURL = "https://u:p@x/v1" },
		"header":         func(p *ProviderConfig) { p.Headers = map[string]Value{"A b": "1"} },
		"line break":     func(p *ProviderConfig) { p.Headers = map[string]Value{"A": "1\r\nB: 2"} },
		"another's key":  func(p *ProviderConfig) { p.Headers = map[string]Value{"A": "${secret:provider/b/key}"} },
		"a server's key": func(p *ProviderConfig) { p.Headers = map[string]Value{"A": "${secret:server/a/env/K}"} },
	} {
		p := good
		change(&p)
		if err := p.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if len(id) != 26 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || seen[id] {
			t.Fatalf("the id %q", id)
		}
		seen[id] = true
	}
}
