package bridge

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"github.com/drawbridge-app/drawbridge/bridge/archive"
	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// ExportFormat is a form of an exported conversation.
type ExportFormat string

// The forms.
const (
	// ExportJSON has all branches, and can be imported.
	ExportJSON ExportFormat = "json"
	// ExportMarkdown has what is shown, for people.
	ExportMarkdown ExportFormat = "markdown"
)

// ExportConversation writes a conversation. Secrets that the program keeps are
// replaced wherever they stand in it; while they cannot be read, nothing is
// written. The error wraps store.ErrNotFound, or store.ErrInvalid for a form that
// there is not.
func (b *Bridge) ExportConversation(ctx context.Context, id string, f ExportFormat, w io.Writer) error {
	r, err := b.exportRedactor(ctx)
	if err != nil {
		return err
	}
	data, err := b.exported(ctx, id, f, r)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func (b *Bridge) exportRedactor(ctx context.Context) (*tools.Redactor, error) {
	r, err := b.auditRedactor(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the secrets, which are taken out of an export: %w", err)
	}
	return r, nil
}

func (b *Bridge) exported(ctx context.Context, id string, f ExportFormat, r *tools.Redactor) ([]byte, error) {
	c, err := b.o.History.Conversation(ctx, id)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	switch f {
	case ExportJSON:
		all, err := b.o.History.All(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := archive.Encode(&out, c, all); err != nil {
			return nil, fmt.Errorf("export the conversation: %w", err)
		}
	case ExportMarkdown:
		chain, err := b.o.History.Chain(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := archive.Markdown(&out, c, chain); err != nil {
			return nil, fmt.Errorf("export the conversation: %w", err)
		}
	default:
		return nil, fmt.Errorf("there is no form %q; take json or markdown (%w)", f, store.ErrInvalid)
	}
	return r.Bytes(out.Bytes()), nil
}

// The names in the file of everything.
const (
	exportChats    = "conversations/"
	exportServers  = "mcp.json"
	exportSettings = "settings.json"
	exportReadme   = "README.txt"
)

// ExportAll writes everything as one zip file: each conversation as JSON and as
// Markdown, the servers and the settings. Secrets are left out: those in the
// keychain are not in it, and what by its name is one in the files is replaced.
// told is called after each conversation, on the caller's goroutine, and may be
// nil. It ends early when ctx does; what was written then is no zip file.
func (b *Bridge) ExportAll(ctx context.Context, w io.Writer, told func(done, of int)) error {
	r, err := b.exportRedactor(ctx)
	if err != nil {
		return err
	}
	list, err := b.o.History.Conversations(ctx)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	put := func(name string, data []byte) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: b.o.Now()})
		if err == nil {
			_, err = f.Write(data)
		}
		return err
	}
	if err := put(exportReadme, []byte(exportWords)); err != nil {
		return err
	}
	for _, name := range []string{exportServers, exportSettings} {
		data, err := os.ReadFile(filepath.Join(b.o.Home, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("export %s: %w", name, err)
		}
		if data, err = withoutSecrets(data); err != nil {
			return fmt.Errorf("export %s: %w", name, err)
		}
		if err := put(name, r.Bytes(data)); err != nil {
			return err
		}
	}
	for i, c := range list {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for f, ending := range map[ExportFormat]string{ExportJSON: ".json", ExportMarkdown: ".md"} {
			data, err := b.exported(ctx, c.ID, f, r)
			if err != nil {
				return err
			}
			if err := put(exportChats+c.ID+ending, data); err != nil {
				return err
			}
		}
		if told != nil {
			told(i+1, len(list))
		}
	}
	return z.Close()
}

const exportWords = `This is an export of Drawbridge.

conversations/  each conversation as JSON, with all branches, and as Markdown
mcp.json        the servers
settings.json   the settings

No secret is in it. To have it back: drawbridge import FILE, or Settings,
Storage, Import. Servers then wait for your review, and the keys of providers are
asked for again.
`

// leftOut stands for a secret in an exported file. It is a placeholder: whoever
// imports it is asked for the value.
const leftOut = "<left out>"

// secretRefs finds references to secrets.
var secretRefs = regexp.MustCompile(`\$\{secret:[^{}]*\}`)

// withoutSecrets replaces in one of our files what refers to a secret, and what is
// one by its name and stands there in the clear.
func withoutSecrets(data []byte) ([]byte, error) {
	plain, err := hujson.Standardize(data)
	if err != nil {
		return nil, err
	}
	v, err := tools.DecodeJSON(plain)
	if err != nil {
		return nil, err
	}
	data, err = tools.EncodeJSON(bareSecrets(v, false))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}

// bareSecrets replaces texts under a name that says that they are secret.
func bareSecrets(v any, secret bool) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = bareSecrets(v[k], secret || secretName(k))
		}
	case []any:
		for i, inner := range v {
			text, ok := inner.(string)
			flag := ""
			if i > 0 {
				flag, _ = v[i-1].(string)
			}
			switch name, _, given := strings.Cut(text, "="); {
			case ok && given && strings.HasPrefix(name, "-") && secretName(name):
				v[i] = name + "=" + leftOut
			case ok && strings.HasPrefix(flag, "-") && !strings.Contains(flag, "=") && secretName(flag) && !strings.HasPrefix(text, "-"):
				v[i] = bareSecrets(inner, true)
			default:
				v[i] = bareSecrets(inner, secret)
			}
		}
	case string:
		if secret && v != "" && !strings.HasPrefix(v, "${") {
			return leftOut
		}
		return secretRefs.ReplaceAllLiteralString(v, leftOut)
	}
	return v
}

// Imported says what came of an import.
type Imported struct {
	Conversations []store.Conversation
	Servers       []store.ServerConfig // each waits for its review
	Presets       int
	// Providers are without what was secret: those that want a key wait for it.
	Providers []store.ProviderConfig
	// Notes are sentences about what was passed over, and why.
	Notes []string
}

// ImportFile reads what ExportConversation wrote as JSON, or what ExportAll wrote.
// Conversations that are here already are passed over. Servers are kept without
// their secrets, and none starts before a person has reviewed it. Providers are
// kept without theirs, too. The error wraps
// store.ErrInvalid or store.ErrNewer; what was imported before it stays, and is
// returned.
func (b *Bridge) ImportFile(ctx context.Context, name string) (Imported, error) {
	var out Imported
	f, err := os.Open(name)
	if err != nil {
		return out, fmt.Errorf("read the export: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return out, fmt.Errorf("read the export: %w", err)
	}
	if !info.Mode().IsRegular() {
		return out, fmt.Errorf("%s is no file (%w)", name, store.ErrInvalid)
	}
	head := make([]byte, 4)
	if n, err := f.ReadAt(head, 0); n < len(head) && err != nil && !errors.Is(err, io.EOF) {
		return out, fmt.Errorf("read the export: %w", err)
	}
	if !bytes.Equal(head, []byte("PK\x03\x04")) {
		data, err := io.ReadAll(io.LimitReader(f, archive.MaxBytes+1))
		if err != nil {
			return out, fmt.Errorf("read the export: %w", err)
		}
		return out, b.importConversation(ctx, data, &out)
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return out, fmt.Errorf("the zip file cannot be read: %w (%w)", err, store.ErrInvalid)
	}
	return out, b.importZip(ctx, z, &out)
}

// maxImported bounds how much is unpacked from one file.
const maxImported = 4 << 30

func (b *Bridge) importZip(ctx context.Context, z *zip.Reader, out *Imported) error {
	left, ours := int64(maxImported), false
	files := slices.Clone(z.File)
	slices.SortStableFunc(files, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		chat := strings.HasPrefix(f.Name, exportChats) && path.Ext(f.Name) == ".json"
		if !chat && f.Name != exportServers && f.Name != exportSettings {
			continue
		}
		ours = true
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("%q in the zip file cannot be read: %w (%w)", f.Name, err, store.ErrInvalid)
		}
		data, err := io.ReadAll(io.LimitReader(r, min(left, archive.MaxBytes+1)))
		_ = r.Close()
		if err != nil {
			return fmt.Errorf("%q in the zip file cannot be read: %w (%w)", f.Name, err, store.ErrInvalid)
		}
		if left -= int64(len(data)); left <= 0 {
			return fmt.Errorf("the zip file unpacks to more than %d GB (%w)", maxImported>>30, store.ErrInvalid)
		}
		switch {
		case chat:
			err = b.importConversation(ctx, data, out)
		case f.Name == exportServers:
			err = b.importServers(ctx, data, out)
		default:
			err = b.importSettings(ctx, data, out)
		}
		if err != nil {
			return fmt.Errorf("%q in the zip file: %w", f.Name, err)
		}
	}
	if !ours {
		return fmt.Errorf("it is no zip file that Drawbridge exported (%w)", store.ErrInvalid)
	}
	return nil
}

func (b *Bridge) importConversation(ctx context.Context, data []byte, out *Imported) error {
	c, messages, err := archive.Decode(data)
	if err != nil {
		return err
	}
	if len(c.System) > maxSystem {
		return fmt.Errorf("its system prompt is longer than %d KB (%w)", maxSystem>>10, store.ErrInvalid)
	}
	head, updated := c.Head, c.UpdatedAt
	c.Head = ""
	err = b.o.History.CreateConversation(ctx, c)
	if errors.Is(err, store.ErrExists) {
		out.Notes = append(out.Notes, fmt.Sprintf("The conversation %q is here already.", c.Title))
		return nil
	}
	if err != nil {
		return err
	}
	if len(messages) > 0 {
		if err := b.o.History.Append(ctx, messages...); err != nil {
			return errors.Join(err, b.o.History.DeleteConversation(context.WithoutCancel(ctx), c.ID))
		}
		if _, err := b.o.History.SetHead(ctx, c.ID, head, false); err != nil {
			return err
		}
	}
	c, err = b.o.History.UpdateConversation(ctx, c.ID, func(c *store.Conversation) { c.UpdatedAt = updated })
	if err != nil {
		return err
	}
	out.Conversations = append(out.Conversations, c)
	return nil
}

// importServers keeps the servers that are new. Their secrets are not in the
// file, and a reference in it must not reach one that is here.
func (b *Bridge) importServers(ctx context.Context, data []byte, out *Imported) error {
	found, err := b.ReadImport(data, "")
	if err != nil {
		return err
	}
	out.Notes = append(out.Notes, found.Problems...)
	for _, e := range found.Entries {
		if e.State != setup.New {
			out.Notes = append(out.Notes, fmt.Sprintf("The server %q is here already, or another has its name.", e.Draft.Config.Name))
			continue
		}
		added, err := b.ImportServers(ctx, []setup.Compared{e}, false)
		if err != nil {
			out.Notes = append(out.Notes, fmt.Sprintf("The server %q was not imported: %v.", e.Draft.Config.Name, err))
			continue
		}
		out.Servers = append(out.Servers, added...)
	}
	return nil
}
