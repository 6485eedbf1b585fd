package mcphost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// FieldKind says what a field of a form takes.
type FieldKind string

// The kinds.
const (
	FieldText    FieldKind = "text"
	FieldNumber  FieldKind = "number"
	FieldInteger FieldKind = "integer"
	FieldSwitch  FieldKind = "switch"  // yes or no
	FieldChoice  FieldKind = "choice"  // one of Choices
	FieldChoices FieldKind = "choices" // any of Choices
)

// Field is one value that a server asks for.
type Field struct {
	Name        string
	Title       string // empty if the server gives none
	Description string
	Kind        FieldKind
	Format      string // of text: "email", "uri", "date", "date-time" or ""
	Required    bool
	// Default is a string, float64, bool or []string; nil without one.
	Default any
	Choices []Choice
	// Secret says that the field seems to ask for what no form may ask for.
	Secret bool

	minLength, maxLength *int // characters; nil for none
	minItems, maxItems   *int
	minimum, maximum     *float64
	pattern              *regexp.Regexp
}

// Choice is one of the values of a field.
type Choice struct{ Value, Title string }

// Label is what a person reads before the field.
func (f Field) Label() string {
	if f.Title != "" {
		return f.Title
	}
	return f.Name
}

// The bounds of a form.
const (
	formMax        = 256 << 10 // bytes of its schema
	fieldsMax      = 50
	choicesMax     = 500
	fieldNameMax   = 200  // bytes
	fieldTextMax   = 2000 // bytes of a title or description
	patternMax     = 1000 // bytes
	fieldAnswerMax = 64 << 10
)

// wireField is one property of a requestedSchema ("Requested Schema" of the
// specification), with the forms of enumerations of all revisions.
type wireField struct {
	Type        string          `json:"type"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Format      string          `json:"format"`
	Default     json.RawMessage `json:"default"`
	Enum        []string        `json:"enum"`
	EnumNames   []string        `json:"enumNames"`
	OneOf       []wireChoice    `json:"oneOf"`
	Items       *struct {
		Enum  []string     `json:"enum"`
		AnyOf []wireChoice `json:"anyOf"`
		OneOf []wireChoice `json:"oneOf"`
	} `json:"items"`
	MinLength *int     `json:"minLength"`
	MaxLength *int     `json:"maxLength"`
	MinItems  *int     `json:"minItems"`
	MaxItems  *int     `json:"maxItems"`
	Minimum   *float64 `json:"minimum"`
	Maximum   *float64 `json:"maximum"`
	Pattern   string   `json:"pattern"`
}

type wireChoice struct {
	Const string `json:"const"`
	Title string `json:"title"`
}

// formFields reads a form: a flat object of plain values. The fields come in
// the order in which they were sent, or with the required ones first where that
// was lost. text makes a server's text fit to be shown.
func formFields(schema json.RawMessage, text func(string, int) string) ([]Field, error) {
	if len(schema) > formMax {
		return nil, fmt.Errorf("the form is longer than %d KiB", formMax>>10)
	}
	if len(schema) == 0 || string(schema) == "null" {
		return []Field{}, nil
	}
	var s struct {
		Type       string          `json:"type"`
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if err := json.Unmarshal(schema, &s); err != nil || s.Type != "" && s.Type != "object" {
		return nil, errors.New("the form is no schema of an object")
	}
	names, properties, err := members(s.Properties)
	if err != nil {
		return nil, errors.New("the form's properties are no object")
	}
	if len(names) > fieldsMax {
		return nil, fmt.Errorf("the form has %d fields; %d are the most", len(names), fieldsMax)
	}
	fields := make([]Field, 0, len(names))
	for _, name := range names {
		if name == "" || len(name) > fieldNameMax || !clean(name, unseen) {
			return nil, errors.New("a field has no name, or one that cannot be shown")
		}
		f, err := newField(name, properties[name], text)
		if err != nil {
			return nil, fmt.Errorf("the field %q %w", name, err)
		}
		f.Required = slices.Contains(s.Required, name)
		fields = append(fields, f)
	}
	for _, name := range s.Required {
		if _, ok := properties[name]; !ok {
			return nil, fmt.Errorf("the form requires %q, which it does not describe", cut(visible(name), fieldNameMax))
		}
	}
	return fields, nil
}

// members returns the members of an object in their order. Of two with the same
// name the last counts, at the place of the first.
func members(raw json.RawMessage) ([]string, map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, values, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("no object")
	}
	var names []string
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name, _ := t.(string)
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, nil, err
		}
		if _, twice := values[name]; !twice {
			names = append(names, name)
		}
		values[name] = v
	}
	return names, values, nil
}

// secretName are words that name what the protocol keeps out of forms.
var secretName = expression(`(?i)pass(word|phrase|code)|\bpin\b|secret|token|api[-_ ]?key|private[-_ ]?key|credential|cvv|cvc|card[-_ ]?number|\bssn\b|\botp\b|seed phrase|mnemonic`)

func newField(name string, raw json.RawMessage, text func(string, int) string) (Field, error) {
	var w wireField
	if err := json.Unmarshal(raw, &w); err != nil {
		return Field{}, errors.New("is not what a form may have")
	}
	f := Field{
		Name: name, Title: text(w.Title, fieldTextMax), Description: text(w.Description, fieldTextMax),
		minLength: w.MinLength, maxLength: w.MaxLength, minItems: w.MinItems, maxItems: w.MaxItems,
		minimum: w.Minimum, maximum: w.Maximum,
	}
	f.Secret = secretName().MatchString(strings.ReplaceAll(name, "_", " ")+"\n"+f.Title) || secretName().MatchString(name)
	var choices []wireChoice
	plain := func(values, titles []string) {
		for i, v := range values {
			c := wireChoice{Const: v}
			if i < len(titles) {
				c.Title = titles[i]
			}
			choices = append(choices, c)
		}
	}
	switch w.Type {
	case "string", "":
		f.Kind = FieldText
		switch {
		case len(w.Enum) > 0:
			f.Kind = FieldChoice
			plain(w.Enum, w.EnumNames)
		case len(w.OneOf) > 0:
			f.Kind = FieldChoice
			choices = w.OneOf
		case w.Type == "":
			return f, errors.New("has no type")
		}
	case "number":
		f.Kind = FieldNumber
	case "integer":
		f.Kind = FieldInteger
	case "boolean":
		f.Kind = FieldSwitch
	case "array":
		f.Kind = FieldChoices
		if w.Items == nil {
			return f, errors.New("does not say what may be chosen")
		}
		plain(w.Items.Enum, nil)
		choices = append(append(choices, w.Items.AnyOf...), w.Items.OneOf...)
		if len(choices) == 0 {
			return f, errors.New("does not say what may be chosen")
		}
	default:
		return f, fmt.Errorf("is of the type %q, which no form has", cut(visible(w.Type), 60))
	}
	if len(choices) > choicesMax {
		return f, fmt.Errorf("has %d choices; %d are the most", len(choices), choicesMax)
	}
	for _, c := range choices {
		if len(c.Const) > fieldTextMax {
			return f, errors.New("has a choice that is too long")
		}
		title := text(c.Title, fieldTextMax)
		if title == "" {
			title = text(c.Const, fieldTextMax)
		}
		f.Choices = append(f.Choices, Choice{c.Const, title})
	}
	if f.Kind == FieldText {
		switch w.Format {
		case "", "email", "uri", "date", "date-time":
			f.Format = w.Format
		}
		if w.Pattern != "" {
			if len(w.Pattern) > patternMax {
				return f, errors.New("has a pattern that is too long")
			}
			// A pattern that Go does not know is left to the server.
			f.pattern, _ = regexp.Compile(w.Pattern)
		}
	}
	return f, f.setDefault(w.Default)
}

// setDefault takes the default if it is of the field's type.
func (f *Field) setDefault(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var err error
	switch f.Kind {
	case FieldText, FieldChoice:
		var s string
		err = json.Unmarshal(raw, &s)
		f.Default = s
		if err == nil && len(s) > fieldAnswerMax {
			return errors.New("has a default that is too long")
		}
	case FieldNumber, FieldInteger:
		var n float64
		err = json.Unmarshal(raw, &n)
		f.Default = n
	case FieldSwitch:
		var b bool
		err = json.Unmarshal(raw, &b)
		f.Default = b
	case FieldChoices:
		var list []string
		err = json.Unmarshal(raw, &list)
		f.Default = list
	}
	if err != nil {
		f.Default = nil
		return errors.New("has a default of another type")
	}
	if f.Check(f.Default) != nil {
		f.Default = nil // one that the form itself does not allow is none
	}
	return nil
}

// Parse reads what a person typed into a field of text, a number or a choice.
// Nothing typed is nil. The error is a sentence.
func (f Field) Parse(typed string) (any, error) {
	switch f.Kind {
	case FieldNumber, FieldInteger:
		typed = strings.TrimSpace(typed)
		if typed == "" {
			return nil, nil
		}
		n, err := strconv.ParseFloat(typed, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: this is no number", f.Label())
		}
		return n, f.Check(n)
	case FieldText, FieldChoice:
		if typed == "" {
			return nil, nil
		}
		return typed, f.Check(typed)
	case FieldSwitch:
		switch strings.ToLower(strings.TrimSpace(typed)) {
		case "":
			return nil, nil
		case "y", "yes", "true", "on":
			return true, nil
		case "n", "no", "false", "off":
			return false, nil
		}
		return nil, fmt.Errorf("%s: say yes or no", f.Label())
	case FieldChoices:
		if strings.TrimSpace(typed) == "" {
			return nil, nil
		}
		list := strings.Split(typed, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		return list, f.Check(list)
	}
	return nil, fmt.Errorf("%s: this field is not known", f.Label())
}

// Check says in a sentence why the value cannot be the field's; nil is nothing
// entered.
func (f Field) Check(v any) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%s: %s", f.Label(), fmt.Sprintf(format, a...))
	}
	if v == nil {
		if f.Required && f.Default == nil {
			return bad("this is required")
		}
		return nil
	}
	switch f.Kind {
	case FieldText:
		s, ok := v.(string)
		n := utf8.RuneCountInString(s)
		switch {
		case !ok || !utf8.ValidString(s) || len(s) > fieldAnswerMax:
			return bad("this is no text of at most %d KiB", fieldAnswerMax>>10)
		case f.minLength != nil && n < *f.minLength:
			return bad("at least %d characters are needed", *f.minLength)
		case f.maxLength != nil && n > *f.maxLength:
			return bad("at most %d characters are allowed", *f.maxLength)
		case f.pattern != nil && !f.pattern.MatchString(s):
			return bad("this does not have the form that is asked for, %s", cut(f.pattern.String(), 200))
		}
		return f.checkFormat(s)
	case FieldNumber, FieldInteger:
		n, ok := v.(float64)
		switch {
		case !ok || math.IsNaN(n) || math.IsInf(n, 0):
			return bad("this is no number")
		case f.Kind == FieldInteger && n != math.Trunc(n):
			return bad("a whole number is needed")
		case f.minimum != nil && n < *f.minimum:
			return bad("the least is %v", *f.minimum)
		case f.maximum != nil && n > *f.maximum:
			return bad("the most is %v", *f.maximum)
		}
	case FieldSwitch:
		if _, ok := v.(bool); !ok {
			return bad("say yes or no")
		}
	case FieldChoice:
		s, ok := v.(string)
		if !ok || !f.offers(s) {
			return bad("choose one of the values")
		}
	case FieldChoices:
		list, ok := v.([]string)
		if !ok || len(list) > choicesMax {
			return bad("choose among the values")
		}
		for _, s := range list {
			if !f.offers(s) {
				return bad("choose among the values")
			}
		}
		if f.minItems != nil && len(list) < *f.minItems || f.maxItems != nil && len(list) > *f.maxItems {
			return bad("this is not as many as are asked for")
		}
	}
	return nil
}

func (f Field) offers(value string) bool {
	return slices.ContainsFunc(f.Choices, func(c Choice) bool { return c.Value == value })
}

// checkFormat holds a text against the formats that a form may ask for.
func (f Field) checkFormat(s string) error {
	bad := func(what string) error { return fmt.Errorf("%s: %s", f.Label(), what) }
	switch f.Format {
	case "email":
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			return bad("this is no e-mail address")
		}
	case "uri":
		if u, err := url.Parse(s); err != nil || u.Scheme == "" {
			return bad("this is no address such as https://example.com")
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return bad("write the date as 2026-07-28")
		}
	case "date-time":
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return bad("write the time as 2026-07-28T12:00:00Z")
		}
	}
	return nil
}

// Complete returns the content of an accepted form: the values that the person
// gave, and the defaults of the fields that they left (SEP-1034). The error is
// a sentence about the first value that does not fit.
func (e Elicitation) Complete(values map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, f := range e.Fields {
		v, given := values[f.Name]
		if !given || v == nil {
			v = f.Default
		}
		if err := f.Check(v); err != nil {
			return nil, err
		}
		if v != nil {
			out[f.Name] = v
		}
	}
	for name := range values {
		if !slices.ContainsFunc(e.Fields, func(f Field) bool { return f.Name == name }) {
			return nil, fmt.Errorf("the form has no field %q", name)
		}
	}
	return out, nil
}
