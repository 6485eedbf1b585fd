package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// ruled is a server's configuration with its rules in the form in which they are
// asked. It does not change, apart from what it remembers.
type ruled struct {
	cfg      store.ServerConfig
	hash     string
	zero     bool // no rule is set
	approved atomic.Bool

	allowed, refused map[string]bool // by bare name
	params           map[string]*params

	narrowed sync.Map // narrowedKey → tools.Tool
}

// params are the rules for the parameters of one tool.
type params struct {
	limited bool // then only those in allowed may be given
	allowed []string
	fixed   map[string]json.RawMessage
}

type narrowedKey struct{ hash, server string }

// Configure takes over the servers and their rules, in the place of those
// before. Rules hold at once; but a server whose rules no person approved
// (ApproveServer, with the rest of its configuration) is not used until one did,
// so that nothing is loosened unseen by a change of a file.
func (e *Engine) Configure(servers []store.ServerConfig) {
	old := e.servers.Load()
	next := make(map[string]*ruled, len(servers))
	for _, c := range servers {
		if _, twice := next[c.ID]; twice {
			continue // as the host has it: the first counts
		}
		r := compile(c.Clone())
		if old != nil {
			if was := (*old)[c.ID]; was != nil && was.hash == r.hash && was.approved.Load() {
				r.approved.Store(true)
			}
		}
		next[c.ID] = r
	}
	e.servers.Store(&next)
}

func compile(c store.ServerConfig) *ruled {
	r := &ruled{cfg: c, hash: c.Hash(), zero: c.Rules.Zero()}
	set := func(list []string) map[string]bool {
		if len(list) == 0 {
			return nil
		}
		m := make(map[string]bool, len(list))
		for _, name := range list {
			for _, bare := range r.bare(name) {
				m[bare] = true
			}
		}
		return m
	}
	r.allowed, r.refused = set(c.Rules.AllowedTools), set(c.Rules.DisallowedTools)
	of := func(tool string) *params {
		if r.params == nil {
			r.params = map[string]*params{}
		}
		if r.params[tool] == nil {
			r.params[tool] = &params{}
		}
		return r.params[tool]
	}
	for _, tool := range slices.Sorted(maps.Keys(c.Rules.AllowedParams)) {
		for _, bare := range r.bare(tool) {
			p, names := of(bare), c.Rules.AllowedParams[tool]
			if p.limited { // named with and without prefix: both hold
				names = slices.DeleteFunc(slices.Clone(p.allowed), func(n string) bool { return !slices.Contains(names, n) })
			}
			p.limited, p.allowed = true, names
		}
	}
	for _, tool := range slices.Sorted(maps.Keys(c.Rules.FixedParams)) {
		for _, bare := range r.bare(tool) {
			p := of(bare)
			if p.fixed == nil {
				p.fixed = map[string]json.RawMessage{}
			}
			maps.Copy(p.fixed, c.Rules.FixedParams[tool])
		}
	}
	return r
}

// bare returns the names that a tool may have on its server if a rule names it
// so: as it stands, and without a prefix of the server's name or id.
func (r *ruled) bare(name string) []string {
	out := []string{name}
	for _, server := range [2]string{r.cfg.Name, r.cfg.ID} {
		for _, between := range [2]string{"__", "-"} {
			if rest, ok := strings.CutPrefix(name, server+between); ok && rest != "" && !slices.Contains(out, rest) {
				out = append(out, rest)
			}
		}
	}
	return out
}

// lists reports whether the rules let anybody see the tool. Nil has no rules.
func (r *ruled) lists(tool string) bool {
	switch {
	case r == nil:
		return true
	case r.allowed != nil:
		return r.allowed[tool]
	}
	return !r.refused[tool]
}

// of returns the rules for a tool's parameters; nil if there are none.
func (r *ruled) of(tool string) *params {
	if r == nil {
		return nil
	}
	return r.params[tool]
}

// limited reports whether the server's own rules count its calls.
func (r *ruled) limited() bool {
	return r != nil && (r.cfg.Rules.CallsPerMinute > 0 || r.cfg.Rules.CallsPerDay > 0)
}

// narrow returns the tool as it may be shown.
func (r *ruled) narrow(t tools.Tool) tools.Tool {
	p := r.of(t.Tool)
	if p == nil {
		return t
	}
	if t.Hash == "" {
		return tools.Narrow(t, p.hides)
	}
	key := narrowedKey{t.Hash, t.Tool}
	if known, ok := r.narrowed.Load(key); ok {
		k := known.(tools.Tool)
		t.InputSchema, t.Narrowed = k.InputSchema, k.Narrowed
		return t
	}
	t = tools.Narrow(t, p.hides)
	r.narrowed.Store(key, t)
	return t
}

func (p *params) hides(name string) bool {
	if _, fixed := p.fixed[name]; fixed {
		return true
	}
	return p.limited && !slices.Contains(p.allowed, name)
}

// rulesOf returns what is configured of a server. It reports false if the engine
// was told of servers, and this one is none of them.
func (e *Engine) rulesOf(server string) (*ruled, bool) {
	all := e.servers.Load()
	if all == nil {
		return nil, true
	}
	r := (*all)[server]
	return r, r != nil
}

// ruledMark is kept with the approvals of a server that is built in once a
// person set rules for it. From then on its rules have to be approved, too.
const ruledMark = "\nruled"

// RulesApproved returns nil if a person approved the server with the rules that
// hold now. Otherwise the error wraps store.ErrHeld, or is the ledger's.
func (e *Engine) RulesApproved(ctx context.Context, serverID string) error {
	r, known := e.rulesOf(serverID)
	if r == nil || !known || r.approved.Load() {
		return nil
	}
	return e.approvedRules(ctx, r)
}

func (e *Engine) approvedRules(ctx context.Context, r *ruled) error {
	if r.cfg.Transport == store.TransportBuiltin && r.zero {
		marked, err := e.ledger.ServerApproved(ctx, r.cfg.ID+ruledMark, ruledMark)
		if err != nil {
			return fmt.Errorf("the approval of the rules of %q could not be read, so it is not used: %w", r.cfg.Name, err)
		}
		if !marked {
			r.approved.Store(true)
			return nil
		}
	}
	ok, err := e.ledger.ServerApproved(ctx, r.cfg.ID, r.hash)
	if err != nil {
		return fmt.Errorf("the approval of the server %q could not be read, so it is not used: %w", r.cfg.Name, err)
	}
	if !ok {
		return fmt.Errorf("the rules of the server %q, or its configuration, were changed and are not approved; look at them and approve the server (%w)", r.cfg.Name, store.ErrHeld)
	}
	r.approved.Store(true)
	return nil
}

// Arguments returns the arguments as they go to the server: those that were
// given, and the parameters that a rule fixes. The verdict is tools.Allow, or
// says which parameters may not be given, in the sentence that LiteLLM has for
// it.
func (e *Engine) Arguments(ref tools.Ref, given json.RawMessage) (json.RawMessage, tools.Verdict) {
	r, _ := e.rulesOf(ref.Server)
	p := r.of(ref.Tool)
	if p == nil {
		return given, tools.Verdict{Decision: tools.Allow}
	}
	return p.apply(ref, given)
}

// maxNamed bounds how many refused parameters a sentence names.
const maxNamed = 20

func (p *params) apply(ref tools.Ref, given json.RawMessage) (json.RawMessage, tools.Verdict) {
	args, err := members(given)
	if err != nil {
		return nil, deny(store.ErrInvalid, "The arguments of %s cannot be held against its rules: %v. Nothing was run.", ref, err)
	}
	var refused []string
	var out map[string]json.RawMessage
	if len(p.fixed) > 0 {
		out = make(map[string]json.RawMessage, len(args)+len(p.fixed))
	}
	for _, a := range args {
		fixed, isFixed := p.fixed[a.key]
		switch {
		case isFixed && !sameJSON(fixed, a.value):
			return nil, deny(store.ErrDenied, "The parameter '%s' of tool %s is fixed to a value and cannot be given another one. Leave it out.", short(a.key), ref.Tool)
		case isFixed:
		case p.limited && !slices.Contains(p.allowed, a.key):
			refused = append(refused, a.key)
		default:
			for name := range p.fixed {
				// Some servers read names without regard to case.
				if strings.EqualFold(name, a.key) {
					return nil, deny(store.ErrDenied, "The parameter '%s' of tool %s is like '%s', which is fixed to a value. Leave it out.", short(a.key), ref.Tool, short(name))
				}
			}
		}
		if out != nil {
			out[a.key] = a.value
		}
	}
	if len(refused) > 0 {
		if len(refused) > maxNamed {
			refused = refused[:maxNamed]
		}
		return nil, deny(store.ErrDenied, "Parameters %s are not allowed for tool %s. Allowed parameters: %s. Contact proxy admin to allow these parameters.",
			listed(refused), ref.Tool, listed(p.allowed))
	}
	if out == nil {
		return given, tools.Verdict{Decision: tools.Allow}
	}
	maps.Copy(out, p.fixed)
	b, err := json.Marshal(out)
	if err != nil {
		return nil, deny(store.ErrInvalid, "The arguments of %s cannot be written with the parameters that are fixed. Nothing was run.", ref)
	}
	return b, tools.Verdict{Decision: tools.Allow}
}

type argument struct {
	key   string
	value json.RawMessage
}

// members returns the members of an object in their order. Nothing at all, and
// null, are an object without any.
func members(raw json.RawMessage) ([]argument, error) {
	if text := bytes.TrimSpace(raw); len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	if !json.Valid(raw) {
		return nil, errors.New("they are no valid JSON")
	}
	at := space(raw, 0)
	if raw[at] != '{' {
		return nil, errors.New("they are no JSON object")
	}
	var out []argument
	for at = space(raw, at+1); raw[at] != '}'; {
		end := after(raw, at)
		key, err := unquoted(raw[at:end])
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out, func(a argument) bool { return a.key == key }) {
			return nil, fmt.Errorf("the parameter %q is given twice", short(key))
		}
		if len(out) >= maxArguments {
			return nil, fmt.Errorf("they have more than %d members", maxArguments)
		}
		at = space(raw, space(raw, end)+1) // behind the colon
		end = after(raw, at)
		out = append(out, argument{key, raw[at:end:end]})
		if at = space(raw, end); raw[at] == ',' {
			at = space(raw, at+1)
		}
	}
	return out, nil
}

// maxArguments bounds the parameters of one call that are held against rules.
const maxArguments = 1000

// space returns where the next byte is that is no space. The functions here read
// what is known to be valid JSON.
func space(raw []byte, at int) int {
	for at < len(raw) && (raw[at] == ' ' || raw[at] == '\t' || raw[at] == '\n' || raw[at] == '\r') {
		at++
	}
	return at
}

// after returns where the value ends that begins at a place.
func after(raw []byte, at int) int {
	depth := 0
	for ; at < len(raw); at++ {
		switch raw[at] {
		case '"':
			for at++; raw[at] != '"'; at++ {
				if raw[at] == '\\' {
					at++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return at // of what is around a number or a word
			}
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return at
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return at + 1
		}
	}
	return at
}

func unquoted(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

func sameJSON(a, b json.RawMessage) bool {
	x, y := value(a), value(b)
	bx, errx := json.Marshal(x)
	by, erry := json.Marshal(y)
	return errx == nil && erry == nil && bytes.Equal(bx, by)
}

// listed writes names as Python writes a list of texts, which is what clients of
// LiteLLM's sentence know.
func listed(names []string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		n = short(n)
		quote := "'"
		if strings.Contains(n, "'") && !strings.Contains(n, `"`) {
			quote = `"`
		}
		n = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(n)
		if quote == "'" {
			n = strings.ReplaceAll(n, "'", `\'`)
		}
		b.WriteString(quote + n + quote)
	}
	b.WriteByte(']')
	return b.String()
}

// claimed returns what the server's rules say of a tool that nobody answered
// about, by what the server claims of it; store.ApproveAsk where they say
// nothing.
func (r *ruled) claimed(t *tools.Tool) store.Approval {
	if r == nil || r.cfg.Rules.Approvals == (store.Approvals{}) {
		return store.ApproveAsk
	}
	rules := r.cfg.Rules.Approvals
	readOnly := said(t.Claims.ReadOnly, false)
	believed := r.cfg.Rules.Trusted || r.cfg.Transport == store.TransportBuiltin
	found := store.Approval("")
	take := func(a store.Approval) {
		if a == store.ApproveAlways && !believed {
			a = store.ApproveAsk
		}
		if strictness(a) > strictness(found) {
			found = a
		}
	}
	if readOnly {
		take(rules.ReadOnly)
	} else if said(t.Claims.Destructive, true) {
		take(rules.Destructive)
	}
	if said(t.Claims.OpenWorld, true) {
		take(rules.OpenWorld)
	}
	if found == "" {
		found = rules.Default
	}
	if found == "" {
		found = store.ApproveAsk
	}
	return found
}

func strictness(a store.Approval) int {
	switch a {
	case store.ApproveAlways:
		return 1
	case store.ApproveAsk:
		return 2
	case store.ApproveNever:
		return 3
	}
	return 0
}

// said returns what was claimed, or the default of MCP (schema.ts,
// ToolAnnotations).
func said(claim *bool, otherwise bool) bool {
	if claim == nil {
		return otherwise
	}
	return *claim
}

// harmless reports whether the tool is declared to read only, and nothing
// outside of its server.
func harmless(t *tools.Tool) bool {
	return said(t.Claims.ReadOnly, false) && !said(t.Claims.OpenWorld, true)
}
