package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/openapi"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// documentsDir is where the documents of APIs are kept, each under the digest of
// its bytes, so that what is served is what the person looked at.
const documentsDir = "openapi"

const (
	documentMax   = 16 << 20 // bytes
	documentLimit = 30 * time.Second
)

// API is an OpenAPI document that was read to be looked at, before a server is
// made of it.
type API struct {
	Source string // the file or address
	Title  string
	// Operations are all of them.
	Operations []openapi.Operation
	// BaseURLs are addresses that the document names, and that are neither
	// private nor without https. A person chooses; none is used by itself.
	BaseURLs []string

	document *openapi.Document
	bytes    []byte
}

// Choose returns the operations that a choice would make tools. The error wraps
// store.ErrInvalid.
func (a *API) Choose(c openapi.Choice) ([]openapi.Operation, error) { return a.document.Choose(c) }

// Draft makes a server of the document. The configuration needs a name, a base
// URL in URL, and in OpenAPI the authentication and the choice; the rest of
// OpenAPI is filled in. A literal value of the authentication goes into the
// keychain; references to the environment stay. Nothing is kept yet. The error wraps store.ErrInvalid; then the
// document cannot be served in that way.
func (a *API) Draft(ctx context.Context, c store.ServerConfig) (setup.Draft, []string, error) {
	c = c.Clone()
	c.Transport = store.TransportOpenAPI
	if c.ID == "" {
		c.ID = c.Name
	}
	if c.OpenAPI == nil {
		c.OpenAPI = &store.OpenAPI{}
	}
	sum := sha256.Sum256(a.bytes)
	c.OpenAPI.Document, c.OpenAPI.Digest = a.Source, hex.EncodeToString(sum[:])
	d := setup.Draft{Config: c, Document: a.bytes, Secrets: map[store.SecretRef]store.Secret{}}
	if v := c.OpenAPI.Auth.Value; v != "" && !v.Secret() && len(store.EnvRefs(string(v))) == 0 {
		ref := store.ServerSecret(c.ID, "auth", "value")
		d.Secrets[ref] = store.NewSecret(string(v))
		c.OpenAPI.Auth.Value = store.RefTo(ref)
	}
	if err := c.Validate(); err != nil {
		return setup.Draft{}, nil, err
	}
	if len(store.EnvRefs(c.URL)) > 0 { // the address is made at the start
		return d, nil, nil
	}
	s, err := openapi.New(ctx, openapi.Options{Document: a.bytes, BaseURL: c.URL, Auth: c.OpenAPI.Auth, Headers: c.Headers, Choice: choiceOf(c.OpenAPI)})
	if err != nil {
		return setup.Draft{}, nil, err
	}
	d.Notes = append(d.Notes, s.Notes()...)
	return d, s.Names(), nil
}

func choiceOf(o *store.OpenAPI) openapi.Choice {
	return openapi.Choice{Tags: o.Tags, Methods: o.Methods, Paths: o.Paths}
}

// ReadAPI reads an OpenAPI document from a file or an address that a person
// typed. From an address it is fetched without any credentials, once, and
// redirects are followed within its origin alone. A relative file belongs to the
// folder dir. The error is a sentence.
func (b *Bridge) ReadAPI(ctx context.Context, source, dir string) (*API, error) {
	var data []byte
	var err error
	lower := strings.ToLower(source)
	remote := strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://")
	if remote {
		data, err = b.fetchDocument(ctx, source)
	} else {
		if !filepath.IsAbs(source) {
			source = filepath.Join(dir, source)
		}
		data, err = readDocument(source)
	}
	if err != nil {
		return nil, err
	}
	from := ""
	if remote {
		from = source
	}
	return newAPI(ctx, source, from, data)
}

// newAPI reads a document; from is the address that it came from, or empty.
func newAPI(ctx context.Context, source, from string, data []byte) (*API, error) {
	d, err := openapi.Read(ctx, data)
	if err != nil {
		return nil, err
	}
	return &API{Source: source, Title: d.Title(), Operations: d.Operations(), BaseURLs: d.BaseURLs(from), document: d, bytes: data}, nil
}

// KeptAPI reads the document that a server was made of, as it was kept when the
// person looked at it. Nothing is fetched. The error wraps store.ErrNotFound
// where there is no such server, or its document is gone.
func (b *Bridge) KeptAPI(ctx context.Context, id string) (*API, error) {
	for _, c := range b.configs() {
		if c.ID == id && c.OpenAPI != nil {
			data, err := b.keptDocument(c)
			if err != nil {
				return nil, err
			}
			return newAPI(ctx, c.OpenAPI.Document, "", data)
		}
	}
	return nil, fmt.Errorf("there is no server %q of an OpenAPI document (%w)", id, store.ErrNotFound)
}

// keptDocument returns the document of a server, which is the one that the
// person looked at.
func (b *Bridge) keptDocument(c store.ServerConfig) ([]byte, error) {
	path := filepath.Join(b.o.Home, documentsDir, c.OpenAPI.Digest)
	data, err := readDocument(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the OpenAPI document of this server is not in %s any more; remove the server and add it again (%w)", filepath.Dir(path), store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != c.OpenAPI.Digest {
		return nil, fmt.Errorf("the OpenAPI document of this server was changed after you looked at it; remove the server and add it again (%w)", store.ErrInvalid)
	}
	return data, nil
}

func readDocument(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the document %s cannot be read: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the document %s is no file (%w)", path, store.ErrInvalid)
	case info.Size() > documentMax:
		return nil, fmt.Errorf("the document %s is longer than %d MiB; use a smaller one (%w)", path, documentMax>>20, store.ErrInvalid)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the document %s cannot be read: %w", path, err)
	}
	return data, nil
}

func (b *Bridge) fetchDocument(ctx context.Context, source string) ([]byte, error) {
	u, err := url.Parse(source)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no address of a document (%w)", store.ShowAddress(source), store.ErrInvalid)
	}
	if u.User != nil {
		return nil, fmt.Errorf("the address of the document contains a user name or password, which would be kept; download the file and add that (%w)", store.ErrInvalid)
	}
	ctx, cancel := context.WithTimeout(ctx, documentLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, fmt.Errorf("%q is no address of a document (%w)", source, store.ErrInvalid)
	}
	req.Header.Set("Accept", "application/json, application/yaml, text/yaml, */*;q=0.5")
	req.Header.Set("User-Agent", "Drawbridge/"+b.o.Version)
	client := &http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != u.Scheme || r.URL.Host != u.Host || len(via) > 5 {
			return fmt.Errorf("it redirects to %s://%s, which is somewhere else; type that address if you trust it", r.URL.Scheme, r.URL.Host)
		}
		return nil
	}}
	if b.o.Reach != nil {
		client.Transport = b.o.Reach
	}
	resp, err := client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return nil, fmt.Errorf("the document at %s could not be fetched: %w", u.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the document at %s could not be fetched: HTTP %d (%w)", u.Host, resp.StatusCode, store.ErrInvalid)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, documentMax+1))
	if err != nil {
		return nil, fmt.Errorf("the document at %s broke off: %w", u.Host, err)
	}
	if len(data) > documentMax {
		return nil, fmt.Errorf("the document at %s is longer than %d MiB; use a smaller one (%w)", u.Host, documentMax>>20, store.ErrInvalid)
	}
	return data, nil
}

// keepDocument writes the document of a draft to the home.
func (b *Bridge) keepDocument(d setup.Draft) error {
	if d.Config.OpenAPI == nil || d.Document == nil {
		return nil
	}
	sum := sha256.Sum256(d.Document)
	if hex.EncodeToString(sum[:]) != d.Config.OpenAPI.Digest {
		return fmt.Errorf("the document of server %q is not the one that was looked at (%w)", d.Config.Name, store.ErrInvalid)
	}
	dir := filepath.Join(b.o.Home, documentsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep the document of server %q: %w", d.Config.Name, err)
	}
	path := filepath.Join(dir, d.Config.OpenAPI.Digest)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("keep the document of server %q: %w", d.Config.Name, err)
	}
	_, err = f.Write(d.Document)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("keep the document of server %q: %w", d.Config.Name, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// dropDocuments removes the documents that no server uses any more.
func (b *Bridge) dropDocuments() error {
	used := map[string]bool{}
	for _, c := range b.o.Settings.Servers() {
		if c.OpenAPI != nil {
			used[c.OpenAPI.Digest] = true
		}
	}
	for _, was := range b.removals.servers() {
		if was.OpenAPI != nil { // it can be taken back
			used[was.OpenAPI.Digest] = true
		}
	}
	dir := filepath.Join(b.o.Home, documentsDir)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if len(e.Name()) == 64 && !used[e.Name()] {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// serveAPI serves the API of a configuration over a pipe.
func (b *Bridge) serveAPI(ctx context.Context, c store.ServerConfig, over *http.Transport, value func(context.Context, store.Value) (store.Secret, error), rw io.ReadWriteCloser) error {
	data, err := b.keptDocument(c)
	if err != nil {
		return err
	}
	o := openapi.Options{
		Document: data, BaseURL: c.URL, Auth: c.OpenAPI.Auth, Headers: c.Headers, Choice: choiceOf(c.OpenAPI),
		Resolve: value, Now: b.o.Now, Version: b.o.Version, Logger: b.o.Logger, HTTP: over,
	}
	s, err := openapi.New(ctx, o)
	if err != nil {
		return err
	}
	return s.Serve(ctx, rw)
}
