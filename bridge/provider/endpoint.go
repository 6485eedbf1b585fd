package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// endpoint is what the adapters of both OpenAI formats share: an address, how
// to sign requests for it, and how to read its streams and errors. Any
// goroutine may use it.
type endpoint struct {
	cfg  store.ProviderConfig
	o    Options
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
	return param == string(f) || strings.HasPrefix(param, string(f)+".") ||
		strings.Contains(strings.ToLower(message), string(f)) ||
		f == fieldInclude && strings.Contains(strings.ToLower(message), "encrypted content")
}

const (
	fieldInclude       field = "include"
	fieldStreamOptions field = "stream_options"
	fieldCacheKey      field = "prompt_cache_key"
)

func newEndpoint(cfg store.ProviderConfig, o Options) (*endpoint, error) {
	base, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("provider %q: %q is no address (%w)", cfg.ID, cfg.BaseURL, store.ErrInvalid)
	}
	var client http.Client // the zero value shares the connections of all zero clients
	if o.HTTP != nil {
		client = *o.HTTP
	}
	e := &endpoint{cfg: cfg, o: o, base: base, http: &client, maxAnswer: maxAnswer, refused: map[string]map[field]bool{}}
	client.CheckRedirect = e.checkRedirect
	return e, nil
}

// Features implements model.Client: calling functions is all.
func (e *endpoint) Features() model.Features { return model.Features{} }

// Dialect returns what OpenAI's APIs take; compatible services are held to the
// same.
func (e *endpoint) Dialect() tools.Dialect { return tools.OpenAI }

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

// credentials returns the options that sign a request, and every secret value
// in them, so that no error repeats one.
func (e *endpoint) credentials(ctx context.Context) ([]option.RequestOption, []string, error) {
	var opts []option.RequestOption
	var secrets []string
	signed := false
	for _, name := range slices.Sorted(maps.Keys(e.cfg.Headers)) {
		var asked store.SecretRef
		v, err := e.cfg.Headers[name].Expand(func(ref store.SecretRef) (store.Secret, error) {
			asked = ref
			s, err := e.secret(ctx, ref)
			if err == nil && s.Empty() {
				err = store.ErrNotFound
			}
			return s, err
		})
		if err != nil {
			return nil, nil, e.keyError(ctx, "the secret of the header "+name, asked, err)
		}
		value := strings.TrimSpace(v.Reveal())
		if hasControl(value) {
			return nil, nil, e.errorf(model.ErrorAuth, 0, nil, "The value of the header %s for %s contains a line break or another control character; store it again.", name, e.cfg.Title())
		}
		if e.cfg.Headers[name].Secret() {
			secrets = append(secrets, value)
		}
		switch strings.ToLower(name) {
		case "authorization", "api-key", "x-api-key":
			signed = true
		}
		opts = append(opts, option.WithHeader(name, value))
	}
	if e.cfg.NoKey || signed {
		return opts, secrets, nil
	}
	ref := store.ProviderSecret(e.cfg.ID, "key")
	ask := e.o.Key
	if ask == nil {
		ask = func(ctx context.Context) (store.Secret, error) {
			return e.secret(ctx, ref)
		}
	}
	key, err := ask(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, e.keyError(ctx, "the key", ref, err)
	}
	value := strings.TrimSpace(key.Reveal())
	if value == "" {
		return nil, nil, e.keyError(ctx, "the key", ref, store.ErrNotFound)
	}
	if hasControl(value) {
		return nil, nil, e.errorf(model.ErrorAuth, 0, nil, "The key for %s contains a line break or another control character; store it again.", e.cfg.Title())
	}
	return append(opts, option.WithAPIKey(value)), append(secrets, value), nil
}

func (e *endpoint) secret(ctx context.Context, ref store.SecretRef) (store.Secret, error) {
	if e.o.Secret == nil {
		return store.Secret{}, store.ErrNotFound
	}
	return e.o.Secret(ctx, ref)
}

// keyError says what to do about a secret that could not be had.
func (e *endpoint) keyError(ctx context.Context, what string, ref store.SecretRef, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	title := e.cfg.Title()
	switch {
	case errors.Is(err, store.ErrNotFound):
		return e.errorf(model.ErrorAuth, 0, err, "For %s, %s is missing. Type it under Settings, Providers, or run: drawbridge secret set %s.",
			title, what, ref)
	case errors.Is(err, store.ErrLocked):
		return e.errorf(model.ErrorAuth, 0, err, "For %s, %s is in a keychain that is locked. Unlock it and try again.", title, what)
	case errors.Is(err, store.ErrNoKeychain):
		return e.errorf(model.ErrorAuth, 0, err, "For %s, %s cannot be read because there is no keychain. Choose under Settings, Keys how to keep keys.", title, what)
	}
	return e.errorf(model.ErrorAuth, 0, err, "For %s, %s could not be read from the keychain: %s.", title, what, strings.TrimRight(clean(err.Error(), 200), "."))
}

// send makes one request and returns the answer's open body. Any status but a
// success is an error already. The caller closes the body.
//
// The client is put together by hand because openai.NewClient reads addresses,
// keys and headers from the environment.
func (e *endpoint) send(ctx context.Context, method, path string, body []byte) (*http.Response, []string, error) {
	opts, secrets, err := e.credentials(ctx)
	if err != nil {
		return nil, nil, err
	}
	start := time.Now()
	fixed := []option.RequestOption{
		option.WithBaseURL(e.cfg.BaseURL),
		option.WithHTTPClient(e.http),
		option.WithMaxRetries(0),
		option.WithHeader("User-Agent", "drawbridge/"+e.o.Version),
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
		fixed = append(fixed, option.WithHeaderDel("X-Stainless-"+name))
	}
	client := openai.Client{Options: append(fixed, opts...)}
	var params any
	if body != nil {
		params = body
	}
	var res *http.Response
	err = client.Execute(ctx, method, path, params, &res)
	e.o.Logger.Debug("asked a provider", "provider", e.cfg.ID, "path", path, "bytes", len(body),
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
