// Package openapi makes the operations of an OpenAPI document the tools of an
// MCP server inside this program, so that what a person knows of servers (card,
// log, policy, gateway) holds for any HTTP API that is described.
//
// Documents of the versions 2.0, 3.0 and 3.1 are read, in JSON or YAML. A
// document is hostile until checked: nothing that it refers to is fetched, what
// reading it costs is bounded, and it does not say where requests go. They go
// to the origin of the base URL that a person typed, to no other, and so do the
// person's credentials.
//
//	s, err := openapi.New(ctx, openapi.Options{Document: bytes, BaseURL: "https://api.example.com/v1"})
//	err = s.Serve(ctx, pipe) // speaks MCP over pipe until it ends
//
// It is no general client of HTTP: callbacks, webhooks and the servers that a
// document names are not used.
package openapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of what is read and made.
const (
	documentMax   = 16 << 20 // bytes of a document
	depthMax      = 200      // levels of a document
	memoryMax     = 160 << 20
	yamlNodesMax  = 700_000
	operationsMax = 5_000     // chosen, as tools
	schemaMax     = 256 << 10 // bytes of one tool's schema
	schemasMax    = 48 << 20  // bytes of all tools' schemas
	answerMax     = 5 << 20   // bytes of an answer's body
	callLimit     = 5 * time.Minute
	pageBytes     = 4 << 20 // bytes of one page of tools/list, about
	largeDocument = 40      // operations; of a larger document only GET is the default
)

// Choice says which operations become tools. Empty lists choose all, with one
// exception: without Methods, a document of more than 40 operations gives those
// with GET alone.
type Choice struct {
	// Tags are compared exactly; an operation needs one of them.
	Tags []string
	// Methods are compared without regard to case.
	Methods []string
	// Paths are patterns for whole paths as the document writes them: * stands
	// for any text without a slash, ** for any text.
	Paths []string
}

// Resolve returns the value of a setting, with the secrets that it refers to
// put in. It is called for each request.
type Resolve func(ctx context.Context, v store.Value) (store.Secret, error)

// Options is what a Server is made of. Document and BaseURL are required.
type Options struct {
	// Document is the bytes of the document.
	Document []byte
	// BaseURL is where the API is: http or https, without a query. The paths of
	// the document follow its path.
	BaseURL string
	Auth    store.APIAuth
	// Headers are sent with each request; they win over what a call gives.
	Headers map[string]store.Value
	Choice  Choice
	// Resolve gives the values of Auth and Headers. Nil takes them literally,
	// and refuses what refers to a secret.
	Resolve Resolve
	// HTTP sends the requests; nil means a transport like http.DefaultTransport
	// of its own.
	HTTP http.RoundTripper
	// Now is the clock, for the age of tokens; nil means time.Now.
	Now func() time.Time
	// Version of the program, told to the API.
	Version string
	Logger  *slog.Logger // nil discards

	limit time.Duration // how long reading may take; 0 means convertLimit
}

// Server answers MCP requests with calls of the API. Any number of connections
// may be served at once.
type Server struct {
	o      Options
	base   *url.URL
	client *http.Client
	auth   *authorizer
	own    bool // the transport is the server's
	title  string
	tools  []*tool
	notes  []string
}

// convertLimit is how long a document may take to be read.
const convertLimit = 5 * time.Second

// New reads the document and makes its tools. The error is a sentence that
// wraps store.ErrInvalid. It takes at most 5 s.
func New(ctx context.Context, o Options) (*Server, error) {
	base, err := baseOf(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if err := o.Auth.Validate(); err != nil {
		return nil, err
	}
	if o.Resolve == nil {
		o.Resolve = literal
	}
	own := o.HTTP == nil
	if own {
		o.HTTP = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.limit == 0 {
		o.limit = convertLimit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "unknown"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, base: base, own: own}
	err = bounded(ctx, o.limit, func(ctx context.Context) error {
		d, err := read(ctx, o.Document)
		if err != nil {
			return err
		}
		s.title = d.Title()
		s.tools, err = d.tools(ctx, o.Choice, o.taken())
		s.notes = d.notes
		return err
	})
	if err != nil {
		return nil, err
	}
	s.client = &http.Client{Transport: o.HTTP, CheckRedirect: s.redirect}
	s.auth = &authorizer{auth: o.Auth, resolve: o.Resolve, now: o.Now, client: &http.Client{Transport: o.HTTP, CheckRedirect: noRedirect}}
	return s, nil
}

func literal(_ context.Context, v store.Value) (store.Secret, error) {
	return v.Expand(func(ref store.SecretRef) (store.Secret, error) {
		return store.Secret{}, fmt.Errorf("the secret %q cannot be looked up here (%w)", ref, store.ErrNotFound)
	})
}

// taken are the parameters that the settings fill: a call cannot give them.
func (o Options) taken() map[place]bool {
	taken := map[place]bool{}
	for name := range o.Headers {
		taken[place{"header", strings.ToLower(name)}] = true
	}
	if o.Auth.Kind == store.APIAuthKey {
		in, name := o.Auth.In, o.Auth.Name
		if in == "" || in == "header" {
			in, name = "header", strings.ToLower(name)
		}
		taken[place{in, name}] = true
	}
	return taken
}

// bounded runs work within limit. Work that does not look at its context
// is left to end by itself: its size is bounded too.
func bounded(ctx context.Context, limit time.Duration, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- bad("The document could not be read: it is not built as its version asks for.")
			}
		}()
		done <- work(ctx)
	}()
	late := bad("The document takes longer than %g seconds to read. Use a smaller one, or choose fewer of its operations.", limit.Seconds())
	select {
	case err := <-done:
		if err != nil && ctx.Err() == context.DeadlineExceeded {
			return late
		}
		return err
	case <-ctx.Done():
		if ctx.Err() == context.DeadlineExceeded {
			return late
		}
		return ctx.Err()
	}
}

// invalid is a sentence that wraps store.ErrInvalid.
type invalid string

func bad(format string, a ...any) error { return invalid(fmt.Sprintf(format, a...)) }

func (e invalid) Error() string { return string(e) }
func (e invalid) Unwrap() error { return store.ErrInvalid }

// baseOf reads the address that a person typed.
func baseOf(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Opaque != "":
		return nil, bad("The base URL %q is no address; it should look like https://api.example.com/v1.", store.ShowAddress(s))
	case u.User != nil:
		return nil, bad("The base URL contains a user name or password; use the authentication of the server instead.")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, bad("The base URL %q goes on after its path; leave out ? and # and what follows.", s)
	}
	return u, nil
}

// originOf returns scheme, host and port ("origin" of RFC 6454).
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

// Notes are sentences about operations that could not become tools.
func (s *Server) Notes() []string { return slices.Clone(s.notes) }

// Serve speaks MCP over rw, one message a line, until rw or the context ends.
func (s *Server) Serve(ctx context.Context, rw io.ReadWriteCloser) error {
	if s.own {
		defer s.client.CloseIdleConnections()
	}
	largest := 1
	for _, t := range s.tools {
		largest = max(largest, len(t.schema)+len(t.op.description)+512)
	}
	title := s.title
	if title == "" {
		title = s.base.Host
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "openapi", Title: title, Version: s.o.Version}, &mcp.ServerOptions{
		PageSize: min(max(pageBytes/largest, 1), 500),
		Capabilities: &mcp.ServerCapabilities{
			Tools: &mcp.ToolCapabilities{},
		},
	})
	for _, t := range s.tools {
		server.AddTool(&mcp.Tool{
			Name: t.op.Name, Description: t.op.description, InputSchema: t.schema, Annotations: t.op.annotations(),
		}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return s.call(ctx, t, req.Params.Arguments), nil
		})
	}
	return server.Run(ctx, &mcp.IOTransport{Reader: rw, Writer: rw})
}

// tool is an operation that can be called.
type tool struct {
	op     *operation
	schema json.RawMessage
}

// annotations claims what the method says (RFC 9110, sections 9.2.1 and 9.2.2).
// POST may do anything, so it claims nothing that would loosen a rule.
func (o *operation) annotations() *mcp.ToolAnnotations {
	open := true
	a := &mcp.ToolAnnotations{Title: o.Summary, OpenWorldHint: &open}
	destructive := false
	switch o.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		a.ReadOnlyHint, a.IdempotentHint = true, true
	case "PUT", "DELETE":
		destructive, a.IdempotentHint = true, true
	default:
		destructive = true
	}
	a.DestructiveHint = &destructive
	return a
}

// Names returns the names of the tools, in their order.
func (s *Server) Names() []string {
	names := make([]string, len(s.tools))
	for i, t := range s.tools {
		names[i] = t.op.Name
	}
	return names
}
