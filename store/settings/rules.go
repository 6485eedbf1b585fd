package settings

import (
	"encoding/json"
	"fmt"

	"github.com/drawbridge-app/drawbridge/store"
)

// setRules writes a server's rules into its entry.
func (e *entry) setRules(r store.Rules) {
	e.AllowedTools, e.DisallowedTools, e.AllowedParams, e.AccessGroups = r.AllowedTools, r.DisallowedTools, r.AllowedParams, r.Groups
	e.ExtraHeaders = r.ExtraHeaders
	e.Own.FixedParams, e.Own.Trusted, e.Own.Approvals = r.FixedParams, r.Trusted, r.Approvals
	e.Own.CallsPerMinute, e.Own.CallsPerDay = r.CallsPerMinute, r.CallsPerDay
}

// sharedRules reads the rules that stand in an entry under the names that
// LiteLLM has for them.
func (r *reader) sharedRules(rules *store.Rules) {
	rules.AllowedTools, rules.DisallowedTools = r.texts("allowed_tools"), r.texts("disallowed_tools")
	rules.Groups, rules.ExtraHeaders = r.texts("access_groups"), r.texts("extra_headers")
	v := r.get("allowed_params")
	if v == nil {
		return
	}
	if object(v) == nil {
		r.fail("allowed_params", "an object with a list of parameters for each tool")
		return
	}
	in := reader{o: object(v)}
	for i := range in.o.Members {
		tool := memberName(&in.o.Members[i])
		names := in.texts(tool)
		if names == nil && in.err == nil {
			if in.get(tool) == nil {
				in.fail(tool, "a list of texts in quotes")
			}
			names = []string{} // none is allowed
		}
		if rules.AllowedParams == nil {
			rules.AllowedParams = map[string][]string{}
		}
		rules.AllowedParams[tool] = names
	}
	if in.err != nil && r.err == nil {
		r.err = fmt.Errorf(`in "allowed_params", %w`, in.err)
	}
}

// ownRules reads the rules that only this program has.
func (r *reader) ownRules(rules *store.Rules) {
	rules.Trusted = r.flag("trusted")
	rules.CallsPerMinute, rules.CallsPerDay = r.number("calls_per_minute"), r.number("calls_per_day")
	if v := r.get("approvals"); v != nil {
		if object(v) == nil {
			r.fail("approvals", "an object")
		} else {
			in := reader{o: object(v)}
			rules.Approvals = store.Approvals{
				Default: store.Approval(in.text("default")), ReadOnly: store.Approval(in.text("read_only")),
				Destructive: store.Approval(in.text("destructive")), OpenWorld: store.Approval(in.text("open_world")),
			}
			for i := range in.o.Members {
				switch name := memberName(&in.o.Members[i]); name {
				case "default", "read_only", "destructive", "open_world":
				default:
					// A misspelt "never" must not go unnoticed.
					in.err = fmt.Errorf("%q is not known", name)
				}
			}
			if in.err != nil && r.err == nil {
				r.err = fmt.Errorf(`in "approvals", %w`, in.err)
			}
		}
	}
	v := r.get("fixed_params")
	if v == nil {
		return
	}
	if object(v) == nil {
		r.fail("fixed_params", "an object with an object of values for each tool")
		return
	}
	tools := object(v)
	for i := range tools.Members {
		tool, values := memberName(&tools.Members[i]), object(&tools.Members[i].Value)
		if values == nil {
			r.fail("fixed_params", "an object with an object of values for each tool")
			return
		}
		fixed := map[string]json.RawMessage{}
		for j := range values.Members {
			fixed[memberName(&values.Members[j])] = standard(&values.Members[j].Value)
		}
		if rules.FixedParams == nil {
			rules.FixedParams = map[string]map[string]json.RawMessage{}
		}
		rules.FixedParams[tool] = fixed
	}
}
