package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// endpoint is what the adapters of all wire formats share: an address, how to
// sign requests for it, and how to read its streams and errors. Any goroutine
// may use it.
type endpoint struct {
	cfg  store.ProviderConfig
	o    Options
	key  keyStyle
	base *url.URL
	http *http.Client
	// maxAnswer is how many bytes of text, reasoning, arguments and opaque
	// items an answer may hold.
	maxAnswer int

	// mu protects refused.
	mu sync.Mutex
	// refused holds the optional fields that the service would not take, by
	// model, so that each is tried once.
	refused map[string]map[field]bool
}

// field is a field of a request that improves an answer and that some services
// refuse.
type field string

// mentionedIn reports whether an error that names param and says message is
// about the field.
func (f field) mentionedIn(param, message string) bool {
	switch f {
	case fieldImages:
		return refusesImages(param + " " + message)
	case fieldReasoningBack:
		if demandsReasoning(&refusedField{param, message}) {
			return false
		}
	case fieldReasoning:
		// Errors about the items of that name are something else.
		text := strings.ToLower(message)
		return param == string(f) || param == "reasoning.summary" ||
			strings.Contains(text, "'reasoning'") || strings.Contains(text, "reasoning.summary") || strings.Contains(text, "reasoning summar")
	}
	return param == string(f) || strings.HasPrefix(param, string(f)+".") ||
		strings.Contains(strings.ToLower(message), string(f)) ||
		f == fieldInclude && strings.Contains(strings.ToLower(message), "encrypted content")
}

const (
	fieldInclude       field = "include"
	fieldStreamOptions field = "stream_options"
	fieldCacheKey      field = "prompt_cache_key"
	fieldReasoning     field = "reasoning"
)

// newEndpoint returns the endpoint of an entry whose format carries its key in
// that style.
func newEndpoint(cfg store.ProviderConfig, o Options, key keyStyle) (*endpoint, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %q is no address (%w)", cfg.ID, cfg.BaseURL, store.ErrInvalid)
	}
	var client http.Client // the zero value shares the connections of all zero clients
	if o.HTTP != nil {
		client = *o.HTTP
	}
	e := &endpoint{cfg: cfg, o: o, key: key, base: base, http: &client, maxAnswer: maxAnswer, refused: map[string]map[field]bool{}}
	client.CheckRedirect = e.checkRedirect
	return e, nil
}

// Features implements model.Client: calling functions is all, where a format
// does not say otherwise.
func (e *endpoint) Features() model.Features { return model.Features{} }

// Dialect returns what OpenAI's APIs take. Compatible services are held to the
// same, and are not asked for strict mode, which some of them refuse.
func (e *endpoint) Dialect() tools.Dialect {
	d := tools.Chat
	if e.cfg.Kind == store.ProviderResponses {
		d = tools.Responses
	}
	d.Strict = e.base.Scheme == "https" && e.base.Host == "api.openai.com"
	return d
}

// errRedirect says where a service wanted to send the request.
type errRedirect struct{ to string }

func (e errRedirect) Error() string { return "redirected to " + e.to }

// checkRedirect lets a request be repeated at the same origin only, and only
// as it was: a key, or a conversation, never follows a redirect elsewhere.
func (e *endpoint) checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host ||
		req.Method != first.Method || len(via) > 3 {
		return errRedirect{(&url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Path: req.URL.Path}).String()}
	}
	return nil
}

// send makes one request and returns the answer's open body, with every secret
// value that was sent. Any status but a success is an error already. The caller
// closes the body.
//
// The client is put together by hand because openai.NewClient reads addresses,
// keys and headers from the environment.
func (e *endpoint) send(ctx context.Context, out outgoing) (*http.Response, []string, error) {
	header, secrets, err := e.sign(ctx, out)
	if err != nil {
		return nil, nil, err
	}
	start := time.Now()
	opts := []option.RequestOption{
		option.WithBaseURL(e.cfg.BaseURL),
		option.WithHTTPClient(e.http),
		option.WithMaxRetries(0),
		option.WithMiddleware(func(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			res, err := next(req)
			if err == nil && (res.StatusCode < 200 || res.StatusCode > 299) {
				defer res.Body.Close()
				return nil, e.statusError(res, secrets)
			}
			return res, err
		}),
	}
	for _, name := range []string{"Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Retry-Count", "Timeout"} {
		opts = append(opts, option.WithHeaderDel("X-Stainless-"+name))
	}
	for name, values := range header {
		opts = append(opts, option.WithHeader(name, values[0]))
	}
	for name, values := range e.base.Query() { // such as Azure's api-version
		opts = append(opts, option.WithQuery(name, values[0]))
	}
	client := openai.Client{Options: opts}
	var params any
	if out.body != nil {
		params = out.body
	}
	var res *http.Response
	err = client.Execute(ctx, out.method, out.path, params, &res)
	e.o.Logger.Debug("asked a provider", "provider", e.cfg.ID, "path", out.path, "bytes", len(out.body),
		"elapsed", time.Since(start), "failed", err != nil)
	if err != nil {
		return nil, secrets, e.transportError(ctx, err, secrets)
	}
	return res, secrets, nil
}

// optional returns the fields of the list that the service has not refused for
// that model.
func (e *endpoint) optional(modelID string, list []field) []field {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(list), func(f field) bool { return e.refused[modelID][f] })
}

// refuse remembers the first of the fields that the error is about.
func (e *endpoint) refuse(modelID string, sent []field, err error) bool {
	var refusal *refusedField
	if !errors.As(err, &refusal) {
		return false
	}
	for _, f := range sent {
		if !f.mentionedIn(refusal.param, refusal.message) {
			continue
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.refused[modelID] == nil {
			e.refused[modelID] = map[field]bool{}
		}
		e.refused[modelID][f] = true
		return true
	}
	return false
}
