package mcphost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// Resource is something that a server lets read ("Resources" of the
// specification). Its texts are the server's words.
type Resource struct {
	URI, Name, Title, Description, MIMEType string
	Size                                    int64 // bytes; -1 if the server does not say
	Icon                                    *Icon // nil without one that may be shown
	// Definition is the entry as the server sent it, with secrets redacted and
	// what cannot be seen written out.
	Definition json.RawMessage
}

// Template makes the addresses of many resources from a few values.
type Template struct {
	URITemplate, Name, Title, Description, MIMEType string
	Icon                                            *Icon
	Definition                                      json.RawMessage // as Resource has it
}

// Contents is what a server lets read.
type Contents struct {
	Resources []Resource
	Templates []Template
}

const (
	uriMax      = 8 << 10 // bytes of an address
	contentsMax = 1000    // parts of one resource that are read
)

// errNoOffer is the cause where a server has no such thing.
func (k *link) errNoOffer(what string) error {
	return sentence(fmt.Sprintf("The server %q offers no %s.", k.name, what), store.ErrNotFound)
}

// with runs do on the server's live connection, and once more on the next one
// where the request cannot have been sent.
func (m *Manager) with(ctx context.Context, server string, do func(*link) error) error {
	for try := 0; ; try++ {
		k, back, err := m.linkFor(ctx, server)
		if err != nil {
			return err
		}
		err = do(k)
		back()
		if errors.Is(err, errUnsent) && try < 2 {
			continue
		}
		return err
	}
}

// Resources lists what a server lets read: to the end, up to 10,000 of each,
// and from memory while the last listing counts. The error is a sentence; it
// wraps store.ErrNotFound where the server has none.
func (m *Manager) Resources(ctx context.Context, server string) (Contents, error) {
	var out Contents
	err := m.with(ctx, server, func(k *link) (err error) {
		if !k.capabilities().Resources {
			return k.errNoOffer("resources")
		}
		if out.Resources, err = list(ctx, k, m.o, listResources, "resources", k.newResource); err != nil {
			return err
		}
		out.Templates, err = list(ctx, k, m.o, listTemplates, "resourceTemplates", k.newTemplate)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errUnsent) {
			// Many a server has resources and does not know the other method.
			k.log.add(k.redactor.Text(fmt.Sprintf("its templates could not be listed: %v", err)))
			out.Templates, err = nil, nil
		}
		return err
	})
	return out, err
}

// list returns one list of a server, from memory where that still counts. Do
// not change it.
func list[T any](ctx context.Context, k *link, o Options, method, member string, item func(json.RawMessage) (T, error)) ([]T, error) {
	known, revision, ok := k.offers.get(method)
	if ok {
		return slices.Clone(known.([]T)), nil
	}
	var out []T
	ttl, err := k.pages(ctx, o, method, member, func(raw json.RawMessage) error {
		v, err := item(raw)
		if err == nil {
			out = append(out, v)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	k.offers.put(method, out, ttl, revision)
	return slices.Clone(out), nil
}

func (k *link) capabilities() Offers { return k.offers.now(k.session.InitializeResult().Capabilities) }

// wireEntry is one entry of the lists.
type wireEntry struct {
	URI         string     `json:"uri"`
	URITemplate string     `json:"uriTemplate"`
	Name        string     `json:"name"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	MIMEType    string     `json:"mimeType"`
	Size        *int64     `json:"size"`
	Icons       []wireIcon `json:"icons"`
}

func (k *link) entry(raw json.RawMessage) (wireEntry, error) {
	var w wireEntry
	if err := json.Unmarshal(raw, &w); err != nil {
		return w, errors.New("it is not what the protocol asks for")
	}
	for _, s := range []*string{&w.Name, &w.Title, &w.Description, &w.MIMEType} {
		*s = k.redactor.Text(cut(visible(*s), 4<<10))
	}
	return w, nil
}

// definition is an entry for other programs.
func (k *link) definition(raw json.RawMessage) json.RawMessage {
	if v, err := tools.DecodeJSON(raw); err == nil {
		if out, err := tools.EncodeJSON(visibleTree(v)); err == nil {
			return k.redactor.JSON(out)
		}
	}
	return nil
}

func (k *link) newResource(raw json.RawMessage) (Resource, error) {
	w, err := k.entry(raw)
	if err != nil {
		return Resource{}, err
	}
	if w.URI == "" || len(w.URI) > uriMax || !clean(w.URI, unseen) {
		return Resource{}, errors.New("its address is missing, too long or cannot be shown")
	}
	r := Resource{URI: w.URI, Name: w.Name, Title: w.Title, Description: w.Description, MIMEType: w.MIMEType, Size: -1, Icon: newIcon(w.Icons), Definition: k.definition(raw)}
	if w.Size != nil && *w.Size >= 0 {
		r.Size = *w.Size
	}
	return r, nil
}

func (k *link) newTemplate(raw json.RawMessage) (Template, error) {
	w, err := k.entry(raw)
	if err != nil {
		return Template{}, err
	}
	if w.URITemplate == "" || len(w.URITemplate) > uriMax || !clean(w.URITemplate, unseen) {
		return Template{}, errors.New("its address is missing, too long or cannot be shown")
	}
	if _, err := parseTemplate(w.URITemplate); err != nil {
		return Template{}, err
	}
	return Template{URITemplate: w.URITemplate, Name: w.Name, Title: w.Title, Description: w.Description, MIMEType: w.MIMEType, Icon: newIcon(w.Icons), Definition: k.definition(raw)}, nil
}

// ReadResource reads a resource: one store.File for each of its parts, text
// among them. All of it together is at most as long as a message. The error is a
// sentence.
func (m *Manager) ReadResource(ctx context.Context, server, uri string) (store.Parts, error) {
	if uri == "" || len(uri) > uriMax || !clean(uri, unseen) {
		return nil, sentence("The address of the resource is empty, too long or contains characters that cannot be seen.", store.ErrInvalid)
	}
	var out store.Parts
	err := m.with(ctx, server, func(k *link) error {
		if !k.capabilities().Resources {
			return k.errNoOffer("resources")
		}
		raw, err := k.ask(ctx, m.o, func(ctx context.Context, r round) error {
			_, err := k.session.ReadResource(ctx, &mcp.ReadResourceParams{
				Meta: mcp.Meta{"progressToken": r.token}, URI: uri, InputResponses: r.responses, RequestState: r.state,
			})
			return err
		})
		if err != nil {
			return err
		}
		var w struct {
			Contents []json.RawMessage `json:"contents"`
		}
		if err := json.Unmarshal(raw, &w); err != nil {
			return fmt.Errorf("the server %q answered with something that is no resource", k.name)
		}
		if len(w.Contents) > contentsMax {
			return fmt.Errorf("the resource has %d parts; at most %d are read", len(w.Contents), contentsMax)
		}
		out = nil
		for _, one := range w.Contents {
			var c wireResource
			if json.Unmarshal(one, &c) != nil {
				return fmt.Errorf("the server %q answered with something that is no resource", k.name)
			}
			part := newPart(wireContent{Type: "resource", Resource: &c}, k.redactor)
			f, ok := part.(store.File)
			if !ok {
				return fmt.Errorf("the resource has data that is no base64; the server %q seems to be broken", k.name)
			}
			if f.URI == "" {
				f.URI = uri
			}
			out = append(out, f)
		}
		return nil
	})
	return out, err
}

// WatchResource calls changed, from the caller's goroutine, whenever the server
// says that the resource changed, and when that may have been missed, until the
// context ends. The error is a sentence.
func (m *Manager) WatchResource(ctx context.Context, server, uri string, changed func()) error {
	for again := false; ; again = true {
		err := m.with(ctx, server, func(k *link) error {
			if !k.capabilities().Subscribe {
				return k.errNoOffer("notice of changes of its resources")
			}
			updates, first, stop, err := k.offers.listen(uri)
			if err != nil {
				return sentence(fmt.Sprintf("The resource cannot be watched: %v.", err), err)
			}
			defer func() {
				if stop() && !k.isDead() {
					leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeHTTPWithin)
					defer cancel()
					if err := k.session.Unsubscribe(leave, &mcp.UnsubscribeParams{URI: uri}); err != nil {
						k.log.add(k.redactor.Text(fmt.Sprintf("a resource could not be left: %v", err)))
					}
				}
			}()
			if first {
				limited, cancel := context.WithTimeoutCause(ctx, m.o.CallIdle, errIdle)
				err := k.session.Subscribe(limited, &mcp.SubscribeParams{URI: uri})
				cancel()
				if err != nil {
					return fmt.Errorf("the server %q does not let the resource be watched: %s", k.name, k.redactor.Text(visible(cut(err.Error(), 500))))
				}
			}
			if again {
				changed()
			}
			for {
				select {
				case <-updates:
					changed()
				case <-k.dead:
					return nil
				case <-ctx.Done():
					return nil
				}
			}
		})
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}
