package provider

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"
	"net/url"
	"strings"

	"google.golang.org/genai"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// geminiClient speaks the Gemini API (v1beta): models.streamGenerateContent and
// models.list. The SDK's types write the requests; its client is not used,
// since it reads keys and addresses from the environment, and takes a stream
// that is cut for a whole one.
type geminiClient struct{ *endpoint }

// Dialect implements model.Client.
func (c *geminiClient) Dialect() tools.Dialect { return tools.Gemini }

// Stream implements model.Client.
func (c *geminiClient) Stream(ctx context.Context, req model.Request) iter.Seq2[model.Delta, error] {
	return func(yield func(model.Delta, error) bool) {
		if err := unsaid("Gemini", req.Sampling, false, true); err != nil {
			yield(nil, err)
			return
		}
		c.stream(ctx, req, exchange{
			path:     geminiModelPath(req.Model.Model) + ":streamGenerateContent?alt=sse",
			optional: []field{fieldThinking},
			body:     func(fields []field) ([]byte, error) { return geminiBody(req, fields) },
			answer:   func(secrets []string) answer { return &geminiAnswer{e: c.endpoint, secrets: secrets} },
		}, yield)
	}
}

// fieldThinking asks for the visible reasoning. Models that do not think refuse
// it, in a sentence with this word.
const fieldThinking field = "thinking"

// geminiModelPath returns the path of a model: models/ and its name, unless the
// name says which collection it is in (tunedModels/…).
func geminiModelPath(name string) string {
	if !strings.Contains(name, "/") {
		name = "models/" + name
	}
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if p = url.PathEscape(p); p == "." || p == ".." {
			p = "_" // no model's name; it must not lead out of the base URL
		}
		parts[i] = p
	}
	return strings.Join(parts, "/")
}

// geminiChunk is what counts of a GenerateContentResponse. Every field is
// optional, and one of another type than expected counts as absent.
type geminiChunk struct {
	Candidates []struct {
		Index   int `json:"index"`
		Content struct {
			Parts []geminiPartIn `json:"parts"`
		} `json:"content"`
		FinishReason  string `json:"finishReason"`
		FinishMessage string `json:"finishMessage"`
	} `json:"candidates"`
	PromptFeedback struct {
		BlockReason string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage *struct {
		Prompt     int64 `json:"promptTokenCount"`
		ToolPrompt int64 `json:"toolUsePromptTokenCount"`
		Cached     int64 `json:"cachedContentTokenCount"`
		Candidates int64 `json:"candidatesTokenCount"`
		Thoughts   int64 `json:"thoughtsTokenCount"`
	} `json:"usageMetadata"`
	Error json.RawMessage `json:"error"`
}

type geminiPartIn struct {
	Text         string `json:"text"`
	Thought      bool   `json:"thought"`
	Signature    string `json:"thoughtSignature"`
	FunctionCall *struct {
		ID   string          `json:"id"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"functionCall"`
	InlineData *struct {
		MIMEType string `json:"mimeType"`
		Data     string `json:"data"`
	} `json:"inlineData"`
}

// geminiOpaque is the opaque item of this format: the signature of one part,
// exactly as it came, and which part that was. It is kept beside that part.
type geminiOpaque struct {
	Signature string `json:"thoughtSignature"`
	// Of is the kind of the part: call, text, thought.
	Of string `json:"of"`
	// Call is the id of the call, as the history has it.
	Call string `json:"call,omitempty"`
	// Bytes is the length of a signed text. It is the end of the text, or the
	// reasoning, that stands before; what comes in pieces is joined there, and a
	// signed part must not be joined with others.
	Bytes int `json:"bytes,omitempty"`
}

// The kinds of parts.
const (
	geminiCall    = "call"
	geminiText    = "text"
	geminiThought = "thought"
)

// geminiAnswer reads one answer. It is whole when a candidate's finishReason
// came, or the prompt was blocked, and the stream then ended.
type geminiAnswer struct {
	e       *endpoint
	secrets []string
	out     []model.Delta
	size    int
	calls   int
	seen    map[string]string // the service's id of a call → its name and arguments
	ids     map[string]bool   // those passed on
	usage   store.Usage
	finish  string
	blocked bool
}

func (a *geminiAnswer) event(data []byte) ([]model.Delta, bool, error) {
	a.out = a.out[:0]
	if strings.TrimSpace(string(data)) == "[DONE]" { // gateways send it; the API does not
		deltas, whole := a.end()
		if !whole {
			return deltas, false, model.ErrCut
		}
		return deltas, true, nil
	}
	var chunk geminiChunk
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(data, &chunk); err != nil && !errors.As(err, &mistyped) {
		return nil, false, errFormat
	}
	if looseText(chunk.Error) != "" {
		return nil, false, a.e.complaintError(0, readComplaint(data), a.secrets)
	}
	if r := chunk.PromptFeedback.BlockReason; r != "" && r != string(genai.BlockedReasonUnspecified) {
		a.blocked = true
	}
	var said string
	for _, c := range chunk.Candidates {
		if c.Index != 0 {
			continue // one answer was asked for
		}
		for _, p := range c.Content.Parts {
			if err := a.part(p); err != nil {
				return a.out, false, err
			}
		}
		if c.FinishReason != "" && c.FinishReason != string(genai.FinishReasonUnspecified) {
			a.finish, said = c.FinishReason, c.FinishMessage
		}
	}
	if u := chunk.Usage; u != nil {
		now := store.Usage{Input: u.Prompt + u.ToolPrompt, Cached: u.Cached, Output: u.Candidates + u.Thoughts, Reasoning: u.Thoughts}
		if now != a.usage {
			a.usage, a.out = now, appendUsage(a.out, now)
		}
	}
	if a.finish != "" {
		if _, ok := geminiReason(a.finish); !ok {
			return a.out, false, a.failed(said)
		}
	}
	return a.out, false, nil
}

// geminiReason maps a finish reason, and returns false for those of answers
// that cannot be used, because the model went wrong.
func geminiReason(finish string) (model.StopReason, bool) {
	switch genai.FinishReason(finish) {
	case genai.FinishReasonStop, "FUNCTION_CALL": // servers that resemble the API say the latter
		return model.StopEnd, true
	case genai.FinishReasonMaxTokens:
		return model.StopLength, true
	case genai.FinishReasonSafety, genai.FinishReasonRecitation, genai.FinishReasonLanguage,
		genai.FinishReasonBlocklist, genai.FinishReasonProhibitedContent, genai.FinishReasonSPII,
		genai.FinishReasonImageSafety, genai.FinishReasonImageProhibitedContent, genai.FinishReasonImageRecitation,
		"MODEL_ARMOR":
		return model.StopFilter, true
	}
	return "", false
}

// failed says why an answer cannot be used. Asking again often helps.
func (a *geminiAnswer) failed(said string) error {
	what := "ended its answer without saying why"
	switch a.finish {
	case string(genai.FinishReasonMalformedFunctionCall):
		what = "wrote a tool call that cannot be read"
	case string(genai.FinishReasonUnexpectedToolCall):
		what = "called a tool that it was not offered"
	case string(genai.FinishReasonTooManyToolCalls):
		what = "called too many tools one after the other"
	case string(genai.FinishReasonOther), string(genai.FinishReasonImageOther):
	case string(genai.FinishReasonNoImage):
		what = "made no image"
	default:
		what = "ended its answer for the reason " + quote(a.finish, a.secrets, 100)
	}
	text := "The model of " + a.e.cfg.Title() + " " + what
	if said = quote(said, a.secrets, maxErrorText); said != "" {
		text += ": " + said
	}
	return a.e.errorf(model.ErrorServer, 0, nil, "%s. Try again, or choose another model.", strings.TrimRight(text, "."))
}

func (a *geminiAnswer) part(p geminiPartIn) error {
	switch {
	case p.FunctionCall != nil:
		if err := a.call(p); err != nil {
			return err
		}
	case p.Thought:
		if p.Text != "" {
			a.out = append(a.out, model.ReasoningDelta{Text: p.Text})
		}
		a.sign(geminiOpaque{Signature: p.Signature, Of: geminiThought, Bytes: len(p.Text)})
	default:
		if p.Text != "" {
			a.out = append(a.out, model.TextDelta{Text: p.Text})
		}
		if p.InlineData != nil {
			a.image(p.InlineData.MIMEType, p.InlineData.Data)
		}
		a.sign(geminiOpaque{Signature: p.Signature, Of: geminiText, Bytes: len(p.Text)})
	}
	a.size += len(p.Text) + len(p.Signature)
	if a.size > a.e.maxAnswer {
		return errTooMuch
	}
	return nil
}

// call passes a call on. Ids are often missing, and some gateways give all
// calls of an answer the same one; a part that only repeats a call is left out.
func (a *geminiAnswer) call(p geminiPartIn) error {
	c := p.FunctionCall
	args := strings.TrimSpace(looseText(c.Args))
	if json.Valid([]byte(args)) {
		var b bytes.Buffer
		if json.Compact(&b, []byte(args)) == nil {
			args = b.String()
		}
	}
	if c.ID != "" {
		same := c.Name + " " + args
		if before, ok := a.seen[c.ID]; ok && before == same {
			return nil
		}
		if a.seen == nil {
			a.seen = map[string]string{}
		}
		a.seen[c.ID] = same
	}
	if a.calls >= maxCalls {
		return errTooMuch
	}
	id := c.ID
	if id == "" || a.ids[id] {
		id = "call_" + store.NewID()
	}
	if a.ids == nil {
		a.ids = map[string]bool{}
	}
	a.ids[id] = true
	a.size += len(args) + len(c.Name)
	a.sign(geminiOpaque{Signature: p.Signature, Of: geminiCall, Call: id})
	a.out = append(a.out, model.CallDelta{Index: a.calls, ID: id, Name: c.Name, Arguments: args})
	a.calls++
	return nil
}

// sign passes a part's signature on, if it has one.
func (a *geminiAnswer) sign(o geminiOpaque) {
	if o.Signature == "" {
		return
	}
	data, err := json.Marshal(o)
	if err != nil {
		panic("provider: strings always encode: " + err.Error())
	}
	a.out = append(a.out, model.OpaqueDelta{Data: data})
}

// image passes on a picture that the model made.
func (a *geminiAnswer) image(kind, data string) {
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(raw) == 0 || !strings.HasPrefix(kind, "image/") {
		return // sound and the like were not asked for
	}
	a.size += len(raw)
	a.out = append(a.out, model.ImageDelta{Image: store.Image{MIMEType: clean(kind, 100), Data: raw}})
}

func (a *geminiAnswer) end() ([]model.Delta, bool) {
	a.out = a.out[:0]
	reason, ok := geminiReason(a.finish)
	switch {
	case a.finish == "" && a.blocked:
		reason = model.StopRefusal // the prompt was blocked; there is no answer
	case !ok:
		return nil, false
	case reason == model.StopEnd && a.calls > 0:
		reason = model.StopCalls
	}
	a.out = append(a.out, model.Done{Reason: reason})
	return a.out, true
}
