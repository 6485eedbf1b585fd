package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// OpenBundle reads an MCP bundle (.mcpb or .dxt) and returns the server that it
// describes, under a free name. Nothing is unpacked or kept: AddServer does
// both, once the draft's Fields are filled. The error wraps store.ErrInvalid or
// is what the system said of the file.
func (b *Bridge) OpenBundle(ctx context.Context, path string) (setup.Draft, error) {
	bundle, err := setup.OpenBundle(ctx, path)
	if err != nil {
		return setup.Draft{}, err
	}
	d, err := bundle.Draft(b.o.Places, b.o.Home)
	if err != nil {
		return setup.Draft{}, err
	}
	return freeName(d, b.configs()), nil
}

// bundlePatience is how long the files of a bundle are given to be let go by a
// server that is just being stopped.
const bundlePatience = 5 * time.Second

// removeBundles deletes the unpacked bundles that a server ran from, unless
// another server does.
func (b *Bridge) removeBundles(ctx context.Context, was store.ServerConfig) error {
	parent := filepath.Join(b.o.Home, "bundles")
	list, err := os.ReadDir(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for its files: %w", err)
	}
	for _, e := range list {
		dir := filepath.Join(parent, e.Name())
		if !mentions(was, dir) || slices.ContainsFunc(b.configs(), func(c store.ServerConfig) bool { return mentions(c, dir) }) {
			continue
		}
		deadline := time.Now().Add(bundlePatience)
		for {
			err := os.RemoveAll(dir)
			if err == nil {
				break
			}
			if time.Now().After(deadline) || ctx.Err() != nil {
				return fmt.Errorf("remove its files in %s: %w", dir, err)
			}
			time.Sleep(100 * time.Millisecond) // the server may still hold them
		}
	}
	return nil
}

// mentions reports whether a server's command, arguments or environment lead
// into a folder.
func mentions(c store.ServerConfig, dir string) bool {
	texts := append([]string{c.Command, c.Dir}, c.Args...)
	for _, v := range slices.Sorted(maps.Values(c.Env)) {
		texts = append(texts, string(v))
	}
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, dir) })
}
