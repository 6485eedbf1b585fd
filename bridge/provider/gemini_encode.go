package provider

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/genai"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// geminiRequest is a GenerateContentRequest of the Gemini API (v1beta).
type geminiRequest struct {
	Contents          []*geminiContent        `json:"contents"`
	SystemInstruction *genai.Content          `json:"systemInstruction,omitempty"`
	Tools             json.RawMessage         `json:"tools,omitempty"`
	ToolConfig        json.RawMessage         `json:"toolConfig,omitempty"`
	GenerationConfig  *genai.GenerationConfig `json:"generationConfig,omitempty"`
}

type geminiContent struct {
	Role  string       `json:"role"`
	Parts []geminiPart `json:"parts"`
}

// geminiPart is the SDK's part with two fields as the API has them: a text that
// may be there and empty, and a signature as the very string that came.
type geminiPart struct {
	genai.Part
	Text      *string `json:"text,omitempty"`
	Signature string  `json:"thoughtSignature,omitempty"`
}

func geminiTextPart(text string) geminiPart { return geminiPart{Text: &text} }

// geminiBody writes the body of a request to the Gemini API.
func geminiBody(req model.Request, fields []field) ([]byte, error) {
	out := geminiRequest{Contents: geminiContents(req)}
	if req.System != "" {
		out.SystemInstruction = &genai.Content{Parts: []*genai.Part{{Text: req.System}}}
	}
	if req.Tools != nil && len(req.Tools.Functions()) > 0 {
		out.Tools = tools.JSON(tools.FormatGemini, req.Tools.Functions())
		out.ToolConfig = geminiChoice(req)
	}
	var config genai.GenerationConfig
	if req.MaxOutput > 0 {
		config.MaxOutputTokens = int32(min(req.MaxOutput, math.MaxInt32))
	}
	if slices.Contains(fields, fieldThinking) {
		config.ThinkingConfig = &genai.ThinkingConfig{IncludeThoughts: true}
	}
	said := config.MaxOutputTokens > 0 || config.ThinkingConfig != nil
	if s := req.Sampling; s.Temperature != nil {
		t := float32(*s.Temperature)
		config.Temperature, said = &t, true
	}
	if s := req.Sampling; s.TopP != nil {
		p := float32(*s.TopP)
		config.TopP, said = &p, true
	}
	if f := req.Sampling.Format; f != nil {
		config.ResponseMIMEType, said = "application/json", true
		if f.Schema != nil {
			config.ResponseJsonSchema = f.Schema
		}
	}
	if said {
		out.GenerationConfig = &config
	}
	return json.Marshal(out)
}

// geminiWriter writes a history as contents.
type geminiWriter struct {
	req model.Request
	out []*geminiContent
	// newer says that the model is of Gemini 3 or later: it takes images inside
	// of results, and demands a signature with the first call of each step of
	// the turn that runs.
	newer bool
	names map[string]string // id of a call → the name that it went out with
}

// geminiContents writes a history. Its roles are user and model in turn: what
// follows with the same role is joined.
func geminiContents(req model.Request) []*geminiContent {
	w := &geminiWriter{req: req, out: []*geminiContent{}, newer: isGemini3(req.Model.Model), names: map[string]string{}}
	turn := lastUser(req.Messages)
	for i, m := range req.Messages {
		switch m.Role {
		case store.RoleUser:
			w.add(genai.RoleUser, w.user(m.Parts))
		case store.RoleAssistant:
			w.add(genai.RoleModel, w.model(m, i > turn))
		case store.RoleTool:
			w.add(genai.RoleUser, w.results(m))
		}
	}
	return w.out
}

var geminiVersion = regexp.MustCompile(`(?:^|/)gemini-(\d+)`)

// isGemini3 reports whether a model is of Gemini 3 or later. The names that end
// in -latest always mean one of the newest.
func isGemini3(name string) bool {
	name = strings.ToLower(name)
	if m := geminiVersion.FindStringSubmatch(name); m != nil {
		n, err := strconv.Atoi(m[1])
		return err == nil && n >= 3
	}
	return strings.Contains(name, "gemini-") && strings.HasSuffix(name, "-latest")
}

func (w *geminiWriter) add(role string, parts []geminiPart) {
	if len(parts) == 0 {
		return
	}
	if n := len(w.out); n > 0 && w.out[n-1].Role == role {
		w.out[n-1].Parts = append(w.out[n-1].Parts, parts...)
		return
	}
	w.out = append(w.out, &geminiContent{Role: role, Parts: parts})
}

// user writes what a person says. A message that leaves nothing is written all
// the same, so that the roles stay in turn.
func (w *geminiWriter) user(parts store.Parts) []geminiPart {
	var out []geminiPart
	for _, p := range parts {
		switch p := p.(type) {
		case store.Text:
			if p.Text != "" {
				out = append(out, geminiTextPart(p.Text))
			}
		case store.Image:
			if blob, ok := geminiBlob(p); ok {
				out = append(out, blob)
			} else {
				out = append(out, geminiTextPart(describeImage(p)))
			}
		case store.File:
			out = append(out, geminiTextPart(describeFile(p)))
		}
	}
	if len(out) == 0 {
		out = append(out, geminiTextPart(" "))
	}
	return out
}

// geminiBlob returns false for an image of a type that the API does not take.
func geminiBlob(img store.Image) (geminiPart, bool) {
	switch img.MIMEType {
	case "image/png", "image/jpeg", "image/webp", "image/heic", "image/heif":
		if len(img.Data) > 0 {
			return geminiPart{Part: genai.Part{InlineData: &genai.Blob{MIMEType: img.MIMEType, Data: img.Data}}}, true
		}
	}
	return geminiPart{}, false
}

// geminiNoSignature is what the API's documentation gives for calls that the
// model did not make itself, such as those that another model made before it:
// it says that there is nothing to check.
const geminiNoSignature = "skip_thought_signature_validator"

// model writes an answer. Signatures go back to the entry and the model that
// they came from, each with its own part. running says that the message is of
// the turn that runs.
func (w *geminiWriter) model(m store.Message, running bool) []geminiPart {
	signatures := map[string]string{} // id of a call → its signature
	for _, p := range m.Parts {
		if s, ok := w.opaque(p); ok && s.Of == geminiCall {
			signatures[s.Call] = s.Signature
		}
	}
	var out []geminiPart
	var thought string // the reasoning that stands before
	first := true
	for _, p := range m.Parts {
		switch p := p.(type) {
		case store.Text:
			if p.Text != "" {
				out = append(out, geminiTextPart(p.Text))
			}
		case store.Reasoning:
			thought = p.Text
		case store.Image:
			if blob, ok := geminiBlob(p); ok {
				out = append(out, blob)
			}
		case store.ManagedCall:
			out = append(out, geminiTextPart(managedText(p)))
		case store.ToolCall:
			signature := signatures[p.ID]
			if first && signature == "" && running && w.newer {
				signature = geminiNoSignature
			}
			first = false
			out = append(out, w.call(p, signature))
		case store.Opaque:
			if s, ok := w.opaque(p); ok {
				out = geminiSigned(out, s, thought)
			}
		}
	}
	return out
}

// opaque reads an opaque item that goes back to this model.
func (w *geminiWriter) opaque(p store.Part) (geminiOpaque, bool) {
	o, ok := p.(store.Opaque)
	var s geminiOpaque
	if !ok || o.Model != w.req.Model || json.Unmarshal(o.Data, &s) != nil || s.Signature == "" {
		return geminiOpaque{}, false
	}
	return s, true
}

// geminiSigned puts the signature of a text or a thought at its part: the end,
// of that length, of what stands before.
func geminiSigned(out []geminiPart, s geminiOpaque, thought string) []geminiPart {
	switch s.Of {
	case geminiThought:
		text, ok := geminiTail(thought, s.Bytes)
		if !ok {
			return out
		}
		p := geminiTextPart(text)
		p.Thought, p.Signature = true, s.Signature
		return append(out, p)
	case geminiText:
		if s.Bytes == 0 { // a part that was nothing but its signature, or an image's
			if n := len(out); n > 0 && out[n-1].InlineData != nil && out[n-1].Signature == "" {
				out[n-1].Signature = s.Signature
				return out
			}
			p := geminiTextPart("")
			p.Signature = s.Signature
			return append(out, p)
		}
		n := len(out)
		if n == 0 || out[n-1].Text == nil || out[n-1].Signature != "" {
			return out
		}
		whole := *out[n-1].Text
		text, ok := geminiTail(whole, s.Bytes)
		if !ok {
			return out
		}
		signed := geminiTextPart(text)
		signed.Signature = s.Signature
		if rest := whole[:len(whole)-s.Bytes]; rest != "" {
			return append(append(out[:n-1], geminiTextPart(rest)), signed)
		}
		return append(out[:n-1], signed)
	}
	return out
}

// geminiTail returns the last n bytes of a text, and false if they cannot be
// what was signed: the text is shorter, or a secret was taken out of it.
func geminiTail(text string, n int) (string, bool) {
	if n < 0 || n > len(text) {
		return "", false
	}
	tail := text[len(text)-n:]
	return tail, utf8.ValidString(tail) && !strings.Contains(text, tools.Redacted)
}

func (w *geminiWriter) call(c store.ToolCall, signature string) geminiPart {
	name := geminiName(wireName(w.req.Tools, c))
	w.names[c.ID] = name
	args := map[string]any{}
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(wireArguments(c.Arguments)), &raw) == nil {
		for k, v := range raw {
			args[k] = v // as it was written, numbers too
		}
	}
	return geminiPart{
		Part:      genai.Part{FunctionCall: &genai.FunctionCall{ID: wireID(c.ID), Name: name, Args: args}},
		Signature: signature,
	}
}

// geminiName makes a name of the history fit: it begins with a letter or _.
func geminiName(name string) string {
	if c := name[0] | 0x20; c >= 'a' && c <= 'z' || name[0] == '_' {
		return name
	}
	name = "_" + name
	return name[:min(len(name), tools.Gemini.MaxName)]
}

// results writes the results of the calls of one step. Images go inside of
// them where the model takes that, and otherwise after the last.
func (w *geminiWriter) results(m store.Message) []geminiPart {
	var out, after []geminiPart
	for _, r := range m.Results() {
		key := "output"
		if r.IsError {
			key = "error"
			r.IsError = false // the key says it
		}
		var inside []*genai.FunctionResponsePart
		texts := resultTexts(r, func(img store.Image) bool {
			blob, ok := geminiBlob(img)
			switch {
			case !ok:
			case w.newer && (img.MIMEType == "image/heic" || img.MIMEType == "image/heif"):
				return false
			case w.newer:
				inside = append(inside, &genai.FunctionResponsePart{InlineData: &genai.FunctionResponseBlob{MIMEType: img.MIMEType, Data: img.Data}})
			default:
				after = append(after, blob)
			}
			return ok
		})
		text := strings.Join(texts, "\n")
		if text == "" {
			text = emptyResult
			if len(r.Content) > 0 {
				text = "The tool returned what is shown here."
			}
		}
		name, ok := w.names[r.CallID]
		if !ok {
			name = "unknown_tool"
		}
		out = append(out, geminiPart{Part: genai.Part{FunctionResponse: &genai.FunctionResponse{
			ID: wireID(r.CallID), Name: name, Response: map[string]any{key: text}, Parts: inside,
		}}})
	}
	return append(out, after...)
}
