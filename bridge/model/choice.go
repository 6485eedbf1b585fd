package model

import (
	"encoding/json"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// Choice says whether a model has to call a tool. The zero value leaves it to
// the model.
type Choice struct {
	Mode ChoiceMode
	// Ref is the one tool that it has to call, with ChoiceRequired; the zero value
	// is any of them.
	Ref tools.Ref
}

// ChoiceMode is one of the modes.
type ChoiceMode string

// The modes.
const (
	ChoiceAuto     ChoiceMode = ""
	ChoiceNone     ChoiceMode = "none"     // it calls nothing
	ChoiceRequired ChoiceMode = "required" // it calls at least one
)

// Name returns what the tool that has to be called is called in the table, and
// false if none is named or the table does not offer it.
func (c Choice) Name(t *tools.Table) (string, bool) {
	if c.Ref == (tools.Ref{}) || t == nil {
		return "", false
	}
	return t.Name(c.Ref)
}

// Sampling is what a program wants of an answer. The zero value leaves all of it
// to the service. An adapter whose format cannot say something of it fails with
// an Error of the kind ErrorRequest, so that nothing is passed over in silence.
type Sampling struct {
	Temperature, TopP *float64
	Effort            string  // of reasoning, in the service's own words
	Format            *Format // nil is text
}

// Format is a form that an answer has to have: any JSON object, or what a schema
// says.
type Format struct {
	Name, Description string
	Schema            json.RawMessage // nil is any object
	Strict            *bool
}
