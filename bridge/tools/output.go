package tools

import (
	"encoding/json"
	"errors"
)

// CheckOutput says in a sentence for the model why structured cannot be the
// structured result of t: "Tools: output schema" of the specification asks
// clients to look. It is bounded like Check, and what of the schema cannot be
// checked does not count. Without an output schema everything fits.
func (v *Validator) CheckOutput(t Tool, structured json.RawMessage) error {
	if len(t.OutputSchema) == 0 {
		return nil
	}
	if len(structured) == 0 {
		return errors.New("the tool promises a structured result, and there is none")
	}
	key := ""
	if t.Hash != "" {
		key = "output of " + t.Hash
	}
	s := v.compiled(key, t.OutputSchema)
	if s.resolved == nil {
		return nil
	}
	var instance any
	if err := json.Unmarshal(structured, &instance); err != nil {
		return errors.New("the structured result contains a number that is too large")
	}
	if !s.affordable(instance, len(structured)) {
		return nil // too much work to be worth it
	}
	if err := s.resolved.Validate(instance); err != nil {
		return errors.New("the structured result does not fit the tool's own output schema: " + describeMisfit(err))
	}
	return nil
}
