package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/model"
	"github.com/drawbridge-app/drawbridge/store"
)

var wireKinds = []store.ProviderKind{store.ProviderChat, store.ProviderResponses, store.ProviderGemini, store.ProviderAnthropic}

// keyOf returns the header in which a format carries its key, and its value
// for that key.
func keyOf(kind store.ProviderKind, key string) (name, value string) {
	switch kind {
	case store.ProviderGemini:
		return "X-Goog-Api-Key", key
	case store.ProviderAnthropic:
		return "X-Api-Key", key
	}
	return "Authorization", "Bearer " + key
}

// good answers every request with a plain answer, and with a list of models.
func good(t *testing.T, kind store.ProviderKind) http.HandlerFunc {
	t.Helper()
	tr := readTranscript(t, filepath.Join("testdata", string(kind), "text.txtar"))
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, err := io.WriteString(w, `{"data":[{"id":"m"}],"models":[{"name":"models/m","supportedGenerationMethods":["generateContent"]}]}`)
			if err != nil {
				t.Error(err)
			}
			return
		}
		tr.handler(w, r)
	}
}

// TestEnvironmentChangesNothing sets all that the clients of the SDKs read.
func TestEnvironmentChangesNothing(t *testing.T) {
	trap := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for k, v := range map[string]string{
		"OPENAI_BASE_URL": trap.URL + "/v1", "OPENAI_API_KEY": "sk-environment", "OPENAI_ADMIN_KEY": "sk-admin",
		"OPENAI_ORG_ID": "org-environment", "OPENAI_PROJECT_ID": "proj-environment", "OPENAI_WEBHOOK_SECRET": "whsec",
		"OPENAI_CUSTOM_HEADERS": "X-Environment: yes\nAuthorization: Bearer environment", "OPENAI_LOG": "debug",
		"GOOGLE_API_KEY": "environment", "GEMINI_API_KEY": "environment", "GOOGLE_GENAI_USE_VERTEXAI": "true",
		"GOOGLE_GEMINI_BASE_URL": trap.URL, "GOOGLE_VERTEX_BASE_URL": trap.URL, "GOOGLE_CLOUD_PROJECT": "environment",
		"ANTHROPIC_BASE_URL": trap.URL, "ANTHROPIC_API_KEY": "environment", "ANTHROPIC_AUTH_TOKEN": "environment",
		"ANTHROPIC_PROFILE": "environment", "ANTHROPIC_CUSTOM_HEADERS": "X-Environment: yes\nX-Api-Key: environment",
	} {
		t.Setenv(k, v)
	}
	for _, kind := range wireKinds {
		s := serve(t, good(t, kind))
		c := s.client(t, kind)
		if _, err := drain(t.Context(), c, ask("Hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Models(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, r := range s.all() {
			name, value := keyOf(kind, canary)
			want := http.Header{
				name: {value}, "User-Agent": {"drawbridge/1.2.3"},
				"Accept-Encoding": {"gzip"}, "Accept": {"application/json"},
			}
			if kind == store.ProviderAnthropic {
				want["Anthropic-Version"] = []string{"2023-06-01"}
			}
			if r.method == http.MethodPost {
				want["Content-Type"] = []string{"application/json"}
				want["Content-Length"] = []string{fmt.Sprint(len(r.body))}
			}
			if fmt.Sprint(r.header) != fmt.Sprint(want) {
				t.Errorf("%s %s had the headers\n%v, want\n%v", r.method, r.path, r.header, want)
			}
		}
	}
	if n := len(trap.all()); n != 0 {
		t.Errorf("%d requests went where the environment says", n)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		for _, base := range []string{"", "/", "/v1", "/v1/", "/deep/openai/v1"} {
			s := serve(t, good(t, kind))
			c := newClient(t, kind, s.URL+base)
			if _, err := drain(t.Context(), c, ask("Hello")); err != nil {
				t.Fatal(err)
			}
			want := strings.TrimSuffix(base, "/") + map[store.ProviderKind]string{store.ProviderChat: "/chat/completions", store.ProviderResponses: "/responses", store.ProviderGemini: "/models/m:streamGenerateContent", store.ProviderAnthropic: "/messages"}[kind]
			if kind == store.ProviderAnthropic && !strings.Contains(base, "v1") {
				want = strings.TrimSuffix(base, "/") + "/v1/messages" // the version may be left out
			}
			if got := s.all()[0].path; got != want {
				t.Errorf("with %q it asked %s, want %s", base, got, want)
			}
		}
	}
}

// TestKeys gives the key in every way that can fail; no request is made then.
func TestKeys(t *testing.T) {
	t.Parallel()
	fails := func(err error) func(*store.ProviderConfig, *Options) {
		return func(_ *store.ProviderConfig, o *Options) {
			o.Key = func(context.Context) (store.Secret, error) { return store.Secret{}, err }
		}
	}
	is := func(key string) func(*store.ProviderConfig, *Options) {
		return func(_ *store.ProviderConfig, o *Options) {
			o.Key = func(context.Context) (store.Secret, error) { return store.NewSecret(key), nil }
		}
	}
	none := func(_ *store.ProviderConfig, o *Options) { o.Key = nil }
	for name, test := range map[string]struct {
		change []func(*store.ProviderConfig, *Options)
		says   string // empty: the request is made
		header string // of the request, with its value
	}{
		"given":             {nil, "", "Authorization: Bearer " + canary},
		"with a line break": {[]func(*store.ProviderConfig, *Options){is(canary + "\n")}, "", "Authorization: Bearer " + canary},
		"missing":           {[]func(*store.ProviderConfig, *Options){fails(store.ErrNotFound)}, "drawbridge secret set provider/test/key", ""},
		"empty":             {[]func(*store.ProviderConfig, *Options){is(" ")}, "the key is missing", ""},
		"nobody to ask":     {[]func(*store.ProviderConfig, *Options){none}, "the key is missing", ""},
		"locked":            {[]func(*store.ProviderConfig, *Options){fails(fmt.Errorf("read: %w", store.ErrLocked))}, "locked", ""},
		"no keychain":       {[]func(*store.ProviderConfig, *Options){fails(store.ErrNoKeychain)}, "no keychain", ""},
		"broken":            {[]func(*store.ProviderConfig, *Options){fails(errors.New("the disk is on fire"))}, "the disk is on fire", ""},
		"of two lines":      {[]func(*store.ProviderConfig, *Options){is(canary + "\nX-Evil: 1")}, "line break", ""},
		"by its name": {[]func(*store.ProviderConfig, *Options){none, func(_ *store.ProviderConfig, o *Options) {
			o.Secret = func(_ context.Context, ref store.SecretRef) (store.Secret, error) {
				return store.NewSecret("at " + string(ref)), nil
			}
		}}, "", "Authorization: Bearer at provider/test/key"},
		"not needed": {[]func(*store.ProviderConfig, *Options){fails(errors.New("must not be asked")), func(c *store.ProviderConfig, _ *Options) { c.NoKey = true }}, "", "Authorization: "},
		"in a header": {[]func(*store.ProviderConfig, *Options){fails(errors.New("must not be asked")), func(c *store.ProviderConfig, o *Options) {
			c.Headers = map[string]store.Value{"api-key": store.RefTo("mine"), "X-Team": "blue"}
			o.Secret = func(context.Context, store.SecretRef) (store.Secret, error) { return store.NewSecret(canary), nil }
		}}, "", "Api-Key: " + canary},
		"its own Authorization": {[]func(*store.ProviderConfig, *Options){func(c *store.ProviderConfig, _ *Options) {
			c.Headers = map[string]store.Value{"authorization": "Token abc"}
		}}, "", "Authorization: Token abc"},
		"header's secret missing": {[]func(*store.ProviderConfig, *Options){func(c *store.ProviderConfig, o *Options) {
			c.Headers = map[string]store.Value{"X-Key": store.RefTo("mine")}
			o.Secret = func(context.Context, store.SecretRef) (store.Secret, error) { return store.Secret{}, store.ErrNotFound }
		}}, "drawbridge secret set mine", ""},
		"header's secret of two lines": {[]func(*store.ProviderConfig, *Options){func(c *store.ProviderConfig, o *Options) {
			c.Headers = map[string]store.Value{"X-Key": store.RefTo("mine")}
			o.Secret = func(context.Context, store.SecretRef) (store.Secret, error) {
				return store.NewSecret("a\r\nX-Evil: 1"), nil
			}
		}}, "control character", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range wireKinds {
				s := serve(t, good(t, kind))
				_, err := drain(t.Context(), s.client(t, kind, test.change...), ask("Hello"))
				if test.says == "" {
					name, value, _ := strings.Cut(test.header, ": ")
					if key, ok := strings.CutPrefix(value, "Bearer "); ok {
						name, value = keyOf(kind, key)
					}
					if err != nil || s.all()[0].header.Get(name) != value {
						t.Errorf("%v; the headers are %v", err, s.all())
					}
					continue
				}
				var e *model.Error
				if !errors.As(err, &e) || e.Kind != model.ErrorAuth || !strings.Contains(e.Message, test.says) {
					t.Errorf("got %v", err)
				}
				if len(s.all()) != 0 {
					t.Error("a request was made")
				}
				checkSentence(t, err)
			}
		})
	}
}

// TestRedirects sends requests elsewhere; neither key nor conversation follow.
func TestRedirects(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, near := range []bool{false, true} {
				trap := serve(t, good(t, kind))
				var s *service
				s = serve(t, func(w http.ResponseWriter, r *http.Request) {
					to := trap.URL
					if near {
						to = s.URL
					}
					if strings.HasPrefix(r.URL.Path, "/moved") {
						good(t, kind)(w, r)
						return
					}
					http.Redirect(w, r, to+"/moved"+r.URL.Path+"?key="+canary, status)
				})
				c := s.client(t, kind, func(c *store.ProviderConfig, o *Options) {
					c.Headers = map[string]store.Value{"X-Own": store.RefTo("mine")}
					o.Secret = func(context.Context, store.SecretRef) (store.Secret, error) {
						return store.NewSecret("canary-of-a-header"), nil
					}
				})
				_, err := drain(t.Context(), c, ask("Hello"))
				if near && status >= 307 {
					if err != nil {
						t.Errorf("%d at the same origin: %v", status, err)
					}
				} else {
					var e *model.Error
					if !errors.As(err, &e) || e.Kind != model.ErrorProtocol || !strings.Contains(e.Message, "moved") {
						t.Errorf("%d: %v", status, err)
					} else {
						checkSentence(t, err)
					}
				}
				if n := len(trap.all()); n != 0 {
					t.Errorf("%d: %d requests went elsewhere: %v", status, n, trap.all())
				}
			}
		}
	}
}

// TestOptionalFields meets services that refuse what only improves an answer.
func TestOptionalFields(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind    store.ProviderKind
		refuses map[string]string // a piece of the body → the error
		want    []int             // requests of each call
	}{
		"stream_options": {store.ProviderChat, map[string]string{`"stream_options"`: `{"error":{"message":"property 'stream_options' is unsupported"}}`}, []int{2, 1}},
		"by param":       {store.ProviderChat, map[string]string{`"stream_options"`: `{"error":{"message":"Extra inputs are not permitted","param":"stream_options.include_usage"}}`}, []int{2, 1}},
		"include":        {store.ProviderResponses, map[string]string{`"include"`: `{"error":{"message":"Encrypted content is not supported with this model.","param":"include"}}`}, []int{2, 1}},
		"both": {store.ProviderResponses, map[string]string{
			`"include"`: `{"error":{"message":"Unknown parameter: 'include'."}}`, `"prompt_cache_key"`: `{"detail":"prompt_cache_key: extra fields not permitted"}`,
		}, []int{3, 1}},
		"thinking":       {store.ProviderGemini, map[string]string{`"thinkingConfig"`: `{"error":{"code":400,"message":"Thinking is not supported by this model.","status":"INVALID_ARGUMENT"}}`}, []int{2, 1}},
		"summaries":      {store.ProviderResponses, map[string]string{`"reasoning"`: `{"error":{"message":"Unsupported parameter: 'reasoning.summary' is not supported with this model.","param":"reasoning.summary"}}`}, []int{2, 1}},
		"something else": {store.ProviderChat, map[string]string{`"tools"`: `{"error":{"message":"tools are not supported"}}`}, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, nil)
			s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				s.mu.Lock()
				s.requests = append(s.requests, recorded{body: string(body)})
				s.mu.Unlock()
				for piece, answer := range test.refuses {
					if strings.Contains(string(body), piece) {
						w.WriteHeader(http.StatusBadRequest)
						_, err := io.WriteString(w, answer)
						if err != nil {
							t.Error(err)
						}
						return
					}
				}
				good(t, test.kind)(w, r)
			})
			c := s.client(t, test.kind)
			req := ask("Hello")
			req.Conversation = "conversation-1"
			seen := 0
			for i, want := range test.want {
				_, err := drain(t.Context(), c, req)
				if (err != nil) != (name == "something else") {
					t.Errorf("call %d: %v", i, err)
				}
				if n := len(s.all()) - seen; n != want {
					t.Errorf("call %d made %d requests, want %d", i, n, want)
				}
				seen = len(s.all())
			}
		})
	}
}

// TestNoRetry checks that openai-go does not repeat what failed: the loop
// decides that.
func TestNoRetry(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 409, 429, 500, 503} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Should-Retry", "true")
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
		})
		if _, err := drain(t.Context(), s.client(t, store.ProviderChat), ask("Hello")); err == nil {
			t.Errorf("%d is no error", status)
		}
		if n := len(s.all()); n != 1 {
			t.Errorf("%d: %d requests", status, n)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	// A port that is given back may be somebody else's the next moment, and this
	// one is nobody's.
	const closed = "http://127.0.0.1:1/v1"
	secure := httptest.NewUnstartedServer(good(t, store.ProviderChat))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := serve(t, good(t, store.ProviderChat))
	nameless := func(_ *store.ProviderConfig, o *Options) {
		o.HTTP = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "drawbridge.invalid", IsNotFound: true}}
		}}}
	}
	for name, test := range map[string]struct {
		base, says string
		kind       model.ErrorKind
	}{
		"nothing there":       {closed, "Nothing answers at 127.0.0.1:", model.ErrorTransport},
		"unknown certificate": {secure.URL, "certificate", model.ErrorTrust},
		"no https":            {strings.Replace(plain.URL, "http:", "https:", 1), "http://", model.ErrorTrust},
		"no such host":        {"http://drawbridge.invalid/v1", "drawbridge.invalid", model.ErrorTransport},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change := func(*store.ProviderConfig, *Options) {}
			if name == "no such host" {
				change = nameless // nothing is asked of a real name server
			}
			c := newClient(t, store.ProviderChat, test.base, change)
			_, err := drain(t.Context(), c, ask("Hello"))
			var e *model.Error
			if !errors.As(err, &e) || e.Kind != test.kind || !strings.Contains(e.Message, test.says) {
				t.Errorf("got %v", err)
			}
			checkSentence(t, err)
		})
	}
}

// TestIdle meets a service that says nothing, before and in the middle of an
// answer.
func TestIdle(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		gone := make(chan struct{})
		for name, h := range map[string]http.HandlerFunc{
			"before": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			"middle": adapter{kind, true}.endless(t, gone),
		} {
			c := serve(t, h).client(t, kind, func(_ *store.ProviderConfig, o *Options) { o.Idle = 100 * time.Millisecond })
			_, err := drain(t.Context(), c, ask("Hello"))
			var e *model.Error
			if !errors.As(err, &e) || e.Kind != model.ErrorTransport || !strings.Contains(e.Message, "sent nothing for too long") {
				t.Errorf("%s: %v", name, err)
			}
			checkSentence(t, err)
		}
		waitFor(t, gone)
	}
}

// TestErrorsAreBounded meets a refusal without end.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("no ", 1<<14)); err != nil {
				return
			}
		}
	})
	_, err := drain(t.Context(), s.client(t, store.ProviderChat), ask("Hello"))
	if err == nil || len(err.Error()) > 800 {
		t.Errorf("%d bytes", len(fmt.Sprint(err)))
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, cfg := range []store.ProviderConfig{
		{ID: "a", Kind: "other", BaseURL: "http://127.0.0.1/"},
		{ID: "a", Kind: store.ProviderChat, BaseURL: "127.0.0.1"},
		{ID: "A B", Kind: store.ProviderRehearsal},
	} {
		if _, err := New(cfg, Options{}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want string // id=name, in order; "error" for none
	}{
		"OpenAI":     {`{"object":"list","data":[{"id":"o-2","object":"model"},{"id":"o-1","object":"model"}]}`, "o-1= o-2="},
		"OpenRouter": {`{"data":[{"id":"x/y:free","name":"X: Y (free)","pricing":{"prompt":"0"}}]}`, "x/y:free=X: Y (free)"},
		"Ollama":     {`{"models":[{"name":"llama3:latest","model":"llama3:latest"}]}`, "llama3:latest="},
		"LM Studio":  {`{"data":[{"id":"qwen","object":"model","owned_by":"organization_owner"}],"object":"list"}`, "qwen="},
		"llama.cpp":  {`{"models":[{"name":"a.gguf","model":"a.gguf"}],"object":"list","data":[{"id":"a.gguf","owned_by":"llamacpp"}]}`, "a.gguf="},
		"Together":   {`[{"id":"t","display_name":"Tee"}]`, "t=Tee"},
		"names":      {`{"data":["b","a","b"]}`, "a= b="},
		"empty":      {`{"data":[]}`, ""},
		"odd":        {`{"data":[{"id":7},{"id":null},{},3,null,{"id":"a\u0000b"},{"id":"ok","name":"\u001b[31mred"}]}`, "7= ok=[31mred"},
		"html":       {`<html>`, "error"},
		"other json": {`{"hello":1}`, "error"},
		"empty body": {``, "error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if _, err := io.WriteString(w, test.body); err != nil {
					t.Error(err)
				}
			})
			list, err := s.client(t, store.ProviderChat).Models(t.Context())
			var got []string
			for _, m := range list {
				got = append(got, m.ID+"="+m.Name)
			}
			text := strings.Join(got, " ")
			if err != nil {
				text = "error"
				checkSentence(t, err)
			}
			if text != test.want {
				t.Errorf("got %q, want %q (%v)", text, test.want, err)
			}
			if r := s.all()[0]; r.method != http.MethodGet || r.path != "/v1/models" || r.header.Get("Authorization") != "Bearer "+canary {
				t.Errorf("the request: %+v", r)
			}
		})
	}
	list, err := newClient(t, store.ProviderRehearsal, "").Models(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != RehearsalModel {
		t.Errorf("%v, %v", list, err)
	}
}

// TestWireTypes reads a whole request of each format as the service would.
func TestWireTypes(t *testing.T) {
	t.Parallel()
	for _, kind := range wireKinds {
		s := serve(t, good(t, kind))
		req := ask("Hello")
		req.System, req.Conversation = "Be brief.", "conversation-1"
		if _, err := drain(t.Context(), s.client(t, kind), req); err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal([]byte(s.all()[0].body), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(map[store.ProviderKind]string{
			store.ProviderChat: `{"model":"m","stream":true,"stream_options":{"include_usage":true},
				"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hello"}],
				"tools":[{"type":"function","function":{"name":"clock__now","parameters":{"type":"object","properties":{"zone":{"type":"string"}}}}},
					{"type":"function","function":{"name":"files__read","description":"[Files] Reads a file.","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}}]}`,
			store.ProviderResponses: `{"model":"m","stream":true,"store":false,"include":["reasoning.encrypted_content"],"reasoning":{"summary":"auto"},"prompt_cache_key":"conversation-1",
				"instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":"Hello"}]}],
				"tools":[{"type":"function","strict":false,"name":"clock__now","parameters":{"type":"object","properties":{"zone":{"type":"string"}}}},
					{"type":"function","strict":false,"name":"files__read","description":"[Files] Reads a file.","parameters":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}]}`,
			store.ProviderGemini: `{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"Hello"}]}],
				"generationConfig":{"thinkingConfig":{"includeThoughts":true}},
				"tools":[{"functionDeclarations":[{"name":"clock__now","parametersJsonSchema":{"type":"object","properties":{"zone":{"type":"string"}}}},
					{"name":"files__read","description":"[Files] Reads a file.","parametersJsonSchema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}]}]}`,
			store.ProviderAnthropic: `{"model":"m","stream":true,"max_tokens":8192,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
				"messages":[{"role":"user","content":[{"type":"text","text":"Hello","cache_control":{"type":"ephemeral"}}]}],
				"tools":[{"name":"clock__now","input_schema":{"type":"object","properties":{"zone":{"type":"string"}}}},
					{"name":"files__read","description":"[Files] Reads a file.","input_schema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]},"cache_control":{"type":"ephemeral"}}]}`,
		}[kind]), &want); err != nil {
			t.Fatal(err)
		}
		if g, w := pretty(t, got), pretty(t, want); g != w {
			t.Errorf("%s sent\n%s\nwant\n%s", kind, g, w)
		}
	}
}

func pretty(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
