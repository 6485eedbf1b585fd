package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Rules are what a person set for a server's tools beside their answers. They
// hold on every path: conversations, the gateway, providers that connect
// themselves, and what a person types. A tool is named bare, as server__tool or
// as server-tool, where server is the name or the id. The zero value forbids
// nothing and asks about everything.
type Rules struct {
	// AllowedTools and DisallowedTools say which tools may be seen and called.
	// If AllowedTools is not empty, it alone counts.
	AllowedTools    []string `json:"allowed_tools,omitempty"`
	DisallowedTools []string `json:"disallowed_tools,omitempty"`
	// AllowedParams are, by tool, the only parameters that may be given. Others
	// are refused, and no model is shown them.
	AllowedParams map[string][]string `json:"allowed_params,omitempty"`
	// FixedParams are, by tool and parameter, values that are always sent. No
	// model is shown these parameters, and none may give another value.
	FixedParams map[string]map[string]json.RawMessage `json:"fixed_params,omitempty"`
	// Groups are the access groups that the server belongs to.
	Groups []string `json:"access_groups,omitempty"`
	// ExtraHeaders name the headers of a client of the gateway that are passed on
	// to the server, which is reached over HTTP.
	ExtraHeaders []string `json:"extra_headers,omitempty"`
	// Trusted says that the server's results are not taken for the words of a
	// stranger, and that what it claims of its tools may allow calls.
	Trusted bool `json:"trusted,omitempty"`
	// Approvals say which calls are asked about where there is no answer yet.
	Approvals Approvals `json:"approvals,omitzero"`
	// CallsPerMinute and CallsPerDay bound the calls of all clients together; 0
	// means no bound. A day begins at midnight here.
	CallsPerMinute int `json:"calls_per_minute,omitempty"`
	CallsPerDay    int `json:"calls_per_day,omitempty"`
}

// Approval says what becomes of a call that nobody has answered about.
type Approval string

// The approvals. The empty one says nothing.
const (
	ApproveAsk    Approval = "ask"
	ApproveAlways Approval = "always"
	ApproveNever  Approval = "never"
)

// Approvals are by what a server claims of a tool, with the defaults of MCP: a
// tool is destructive unless it is declared read-only or not destructive, and
// open-world unless it is declared not to be. Of those that apply to a tool the
// strictest counts, and Default where none does; where nothing is said, a call
// is asked about. Claims are a server's own words, so that one which would allow
// a call counts only for a server that is Trusted. Default is no claim.
type Approvals struct {
	Default     Approval `json:"default,omitempty"`
	ReadOnly    Approval `json:"read_only,omitempty"`
	Destructive Approval `json:"destructive,omitempty"`
	OpenWorld   Approval `json:"open_world,omitempty"`
}

// The bounds of rules.
const (
	maxRuleNames  = 10_000
	maxRuleName   = 300
	maxFixedBytes = 64 << 10
	maxCallLimit  = 1_000_000_000
	maxPerMinute  = 100_000
)

// Zero reports whether no rule is set.
func (r Rules) Zero() bool {
	return len(r.AllowedTools) == 0 && len(r.DisallowedTools) == 0 && len(r.AllowedParams) == 0 && len(r.FixedParams) == 0 &&
		len(r.Groups) == 0 && len(r.ExtraHeaders) == 0 && !r.Trusted && r.Approvals == (Approvals{}) && r.CallsPerMinute == 0 && r.CallsPerDay == 0
}

// IsZero is Zero, for package json.
func (r Rules) IsZero() bool { return r.Zero() }

// Clone returns a copy that shares nothing with r.
func (r Rules) Clone() Rules {
	r.AllowedTools = slices.Clone(r.AllowedTools)
	r.DisallowedTools = slices.Clone(r.DisallowedTools)
	r.Groups = slices.Clone(r.Groups)
	r.ExtraHeaders = slices.Clone(r.ExtraHeaders)
	if r.AllowedParams != nil {
		params := maps.Clone(r.AllowedParams)
		for tool, names := range params {
			params[tool] = slices.Clone(names)
		}
		r.AllowedParams = params
	}
	if r.FixedParams != nil {
		fixed := maps.Clone(r.FixedParams)
		for tool, values := range fixed {
			values = maps.Clone(values)
			for name, v := range values {
				values[name] = slices.Clone(v)
			}
			fixed[tool] = values
		}
		r.FixedParams = fixed
	}
	return r
}

// Validate says in a sentence what cannot be meant. The error wraps ErrInvalid.
func (r Rules) Validate() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%s (%w)", fmt.Sprintf(format, a...), ErrInvalid)
	}
	count := 0
	name := func(what, s string) error {
		count++
		switch {
		case count > maxRuleNames:
			return bad("the rules name more than %d tools, parameters and groups", maxRuleNames)
		case s == "" || len(s) > maxRuleName || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }):
			return bad("%s %.50q in the rules is empty, longer than %d bytes or contains control characters", what, s, maxRuleName)
		}
		return nil
	}
	for what, list := range map[string][]string{"the tool": slices.Concat(r.AllowedTools, r.DisallowedTools), "the group": r.Groups} {
		for _, s := range list {
			if err := name(what, s); err != nil {
				return err
			}
		}
	}
	for _, g := range r.Groups {
		if strings.ContainsAny(g, ",/?#%") {
			return bad("the group %q contains one of , / ? # %%, which cannot stand in an address", g)
		}
	}
	for _, h := range r.ExtraHeaders {
		if err := name("the header", h); err != nil {
			return err
		}
		if !headerName.MatchString(h) {
			return bad("%.50q in the rules is no name for a header", h)
		}
	}
	for tool, params := range r.AllowedParams {
		if err := name("the tool", tool); err != nil {
			return err
		}
		for _, p := range params {
			if err := name("the parameter", p); err != nil {
				return err
			}
		}
	}
	size := 0
	for tool, values := range r.FixedParams {
		if err := name("the tool", tool); err != nil {
			return err
		}
		for p, v := range values {
			if err := name("the parameter", p); err != nil {
				return err
			}
			if size += len(v); size > maxFixedBytes {
				return bad("the fixed values are longer than %d KiB in all", maxFixedBytes>>10)
			}
			if !json.Valid(v) {
				return bad("the value that %q of %q is fixed to is no JSON; put a text in quotes", p, tool)
			}
		}
	}
	for what, a := range map[string]Approval{
		"default": r.Approvals.Default, "read_only": r.Approvals.ReadOnly, "destructive": r.Approvals.Destructive, "open_world": r.Approvals.OpenWorld,
	} {
		switch a {
		case "", ApproveAsk, ApproveAlways, ApproveNever:
		default:
			return bad("the approval %q of %s is not known; use ask, always or never", a, what)
		}
	}
	return validCalls(r.CallsPerMinute, r.CallsPerDay)
}

func validCalls(minute, day int) error {
	if minute < 0 || minute > maxPerMinute || day < 0 || day > maxCallLimit {
		return fmt.Errorf("a limit of calls is from 0 (none) to %d a minute and %d a day (%w)", maxPerMinute, maxCallLimit, ErrInvalid)
	}
	return nil
}

// canonical is the form in which rules are approved: equal rules are equal in
// it, whatever order a person wrote them in.
func (r Rules) canonical() (json.RawMessage, error) {
	if r.Zero() {
		return nil, nil
	}
	c := r.Clone()
	for _, list := range []*[]string{&c.AllowedTools, &c.DisallowedTools, &c.Groups, &c.ExtraHeaders} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	for tool, names := range c.AllowedParams {
		slices.Sort(names)
		c.AllowedParams[tool] = slices.Compact(names)
	}
	for _, values := range c.FixedParams {
		for name, v := range values {
			var b bytes.Buffer
			if err := json.Compact(&b, v); err != nil {
				return nil, err
			}
			values[name] = b.Bytes()
		}
	}
	return json.Marshal(c)
}
