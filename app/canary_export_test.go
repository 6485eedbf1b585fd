//go:build linux

package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"

	"github.com/drawbridge-app/drawbridge/bridge"
	"github.com/drawbridge-app/drawbridge/store"
)

// exported searches every file of an export of everything, and each conversation
// by itself.
func (c *canaries) exported(when string) {
	c.Helper()
	var out bytes.Buffer
	if err := c.b.ExportAll(c.Context(), &out, nil); err != nil {
		if errors.Is(err, store.ErrClosed) && when != "while it runs" {
			return // nothing can be read any more
		}
		c.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		c.Fatal(err)
	}
	if len(z.File) < 4 {
		c.Errorf("%s: only %d files are exported", when, len(z.File))
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			c.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			c.Fatal(err)
		}
		c.vault.check(when+": "+f.Name+" in the export", data)
	}
	list, err := c.b.Conversations(c.Context())
	if err != nil || len(list) == 0 {
		c.Fatalf("%s: no conversations (%v)", when, err)
	}
	for _, form := range []bridge.ExportFormat{bridge.ExportJSON, bridge.ExportMarkdown} {
		out.Reset()
		if err := c.b.ExportConversation(c.Context(), list[0].ID, form, &out); err != nil {
			c.Error(err)
		}
		c.vault.check(when+": a conversation as "+string(form), out.Bytes())
	}
}
