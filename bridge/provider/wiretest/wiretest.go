// Package wiretest has stand-ins for the services that models run at, from the
// wire up: each speaks one format, streams its answers in pieces, and holds
// every request against the rules of that format as the services enforce them.
// It is for tests, imports nothing of Drawbridge, and shares no code with the
// adapters that it tests.
//
// A service answers a person's message with reasoning, some text and a call of
// each tool that it is offered, and results with reasoning and text. What a
// request does wrong is kept as a sentence, and answered as the real service
// would, with 400.
//
//	s := wiretest.Serve(t, wiretest.Anthropic)
//	… s.URL …
//	for _, fault := range s.Faults() { t.Error(fault) }
package wiretest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Format is a wire format.
type Format string

// The formats, named as Drawbridge names them.
const (
	Chat      Format = "chat"
	Responses Format = "responses"
	Anthropic Format = "anthropic"
	Gemini    Format = "gemini"
)

// Formats are all of them.
var Formats = []Format{Chat, Responses, Anthropic, Gemini}

// Service is a service that runs.
type Service struct {
	Format Format
	// URL is the base URL as people write it for this format.
	URL string
	// Arguments are those of the calls of a tool, as JSON; other tools get a
	// text. It is set before the first request.
	Arguments map[string]string

	mu      sync.Mutex // protects what follows
	faults  []string
	asked   int
	made    int             // things that got a number: calls, signatures
	given   map[string]bool // signatures and encrypted reasoning that this service gave out
	cut     int             // pieces after which the next answer breaks off; 0 is never
	lastRaw []byte
}

// Serve starts a service that ends with the test.
func Serve(t testing.TB, format Format) *Service {
	s := &Service{Format: format, given: map[string]bool{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL + "/v1"
	if format == Gemini {
		s.URL = server.URL + "/v1beta"
	}
	return s
}

// Cut has the next answer break off after that many pieces.
func (s *Service) Cut(pieces int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = pieces
}

// Faults returns what requests did wrong so far.
func (s *Service) Faults() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.faults...)
}

// Asked returns how many answers were asked for.
func (s *Service) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Last returns the body of the last request.
func (s *Service) Last() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastRaw
}

// a plan is what a service is going to say.
type plan struct {
	tools     []string // to call, by the names that were offered; none for a last answer
	arguments []string // of those calls, as JSON
	signed    string   // goes along with the reasoning, and has to come back
	callIDs   []string
	text      string
}

// checker is one format: it checks a request and writes an answer to it.
type checker interface {
	// check returns the tools that were offered, whether the request ends with
	// the person's words, and what is wrong.
	check(s *Service, body map[string]any) (tools []string, person bool, faults []string)
	// pieces are the events of an answer, in order.
	pieces(p plan) []string
}

func (s *Service) checker() checker {
	switch s.Format {
	case Chat:
		return chat{}
	case Responses:
		return responses{}
	case Anthropic:
		return anthropic{}
	case Gemini:
		return gemini{}
	}
	panic("wiretest: there is no format " + s.Format)
}

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller left
	}
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		s.refuse(w, raw, []string{"the body is no JSON object: " + err.Error()})
		return
	}
	s.mu.Lock()
	s.asked++
	s.lastRaw = raw
	c := s.checker()
	offered, person, faults := c.check(s, body)
	p := s.plan(offered, person)
	cut := s.cut
	s.cut = 0
	s.mu.Unlock()
	if len(faults) > 0 {
		s.refuse(w, raw, faults)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for i, piece := range c.pieces(p) {
		if cut > 0 && i == cut {
			panic(http.ErrAbortHandler) // the connection breaks off
		}
		if _, err := io.WriteString(w, piece); err != nil {
			return // the caller left
		}
		w.(http.Flusher).Flush()
	}
}

// plan says what the answer is. s.mu is held.
func (s *Service) plan(offered []string, person bool) plan {
	s.made++
	p := plan{signed: fmt.Sprintf("signed-%s-%d", s.Format, s.made), text: "That is all."}
	s.given[p.signed] = true
	if !person || len(offered) == 0 {
		return p
	}
	p.text = "I look."
	for _, name := range offered {
		arguments, ok := s.Arguments[name]
		if !ok {
			arguments = `{"text":"there"}`
		}
		p.arguments = append(p.arguments, arguments)
		s.made++
		p.callIDs = append(p.callIDs, fmt.Sprintf("call_%s_%d", s.Format, s.made))
	}
	p.tools = offered
	return p
}

func (s *Service) refuse(w http.ResponseWriter, raw []byte, faults []string) {
	s.mu.Lock()
	for _, f := range faults {
		s.faults = append(s.faults, fmt.Sprintf("%s: %s", s.Format, f))
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	message, _ := json.Marshal(strings.Join(faults, "; ")) // a string always encodes
	fmt.Fprintf(w, `{"error":{"type":"invalid_request_error","message":%s}}`, message)
}

// halves are the pieces in which arguments come.
func halves(text string) []string { return []string{text[:len(text)/2], text[len(text)/2:]} }

// Small things that the checks of all formats need.

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
func list(v any) []any            { l, _ := v.([]any); return l }
func text(v any) string           { s, _ := v.(string); return s }

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("wiretest: " + err.Error())
	}
	return string(b)
}

// openAIName is what OpenAI and Anthropic take as the name of a function.
var openAIName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// namesOf checks names and that there is each once.
func namesOf(names []string, pattern *regexp.Regexp, faults *[]string) {
	seen := map[string]bool{}
	for _, name := range names {
		if !pattern.MatchString(name) {
			*faults = append(*faults, fmt.Sprintf("the tool name %q is not taken", name))
		}
		if seen[name] {
			*faults = append(*faults, fmt.Sprintf("the tool name %q is there twice", name))
		}
		seen[name] = true
	}
}

// schemaOf checks what is common to the schemas of all formats.
func schemaOf(name string, schema map[string]any, faults *[]string) {
	if text(schema["type"]) != "object" {
		*faults = append(*faults, fmt.Sprintf("the schema of %s is no object", name))
	}
	for _, k := range []string{"oneOf", "anyOf", "allOf", "enum", "not"} {
		if _, ok := schema[k]; ok {
			*faults = append(*faults, fmt.Sprintf("the schema of %s has %s at the top", name, k))
		}
	}
}

// pairs follows calls and their results through a request.
type pairs struct {
	open  []string        // ids of calls that wait for their results
	known map[string]bool // every id so far
}

func (p *pairs) call(id string, faults *[]string) {
	if p.known == nil {
		p.known = map[string]bool{}
	}
	if id == "" || p.known[id] {
		*faults = append(*faults, fmt.Sprintf("the call id %q is empty or there twice", id))
	}
	p.known[id] = true
	p.open = append(p.open, id)
}

func (p *pairs) result(id string, faults *[]string) {
	for i, o := range p.open {
		if o == id {
			p.open = append(p.open[:i:i], p.open[i+1:]...)
			return
		}
	}
	*faults = append(*faults, fmt.Sprintf("there is a result for the call %q, which does not wait for one", id))
}

// closed checks that no call waits any more.
func (p *pairs) closed(where string, faults *[]string) {
	if len(p.open) > 0 {
		*faults = append(*faults, fmt.Sprintf("%s while the calls %v have no result", where, p.open))
		p.open = nil
	}
}
