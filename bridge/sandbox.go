package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/store"
)

// SetServerSandbox says what a program may do inside a sandbox; nil takes the
// sandbox away. It is the person's own act, so a server whose present
// configuration was approved needs no second approval; one that waits for its
// approval still does. The error wraps store.ErrNotFound, store.ErrInvalid, or
// store.ErrHeld where the configuration was changed meanwhile.
func (b *Bridge) SetServerSandbox(ctx context.Context, id string, s *store.Sandbox) error {
	all := b.o.Settings.Servers()
	i := slices.IndexFunc(all, func(c store.ServerConfig) bool { return c.ID == id })
	if i < 0 {
		if id == Workbench {
			return fmt.Errorf("the workbench is part of the program and has no sandbox (%w)", store.ErrInvalid)
		}
		return fmt.Errorf("there is no server %q (%w)", id, store.ErrNotFound)
	}
	was := all[i]
	is := was.Clone()
	is.Sandbox = s
	is = is.Clone()
	if err := is.Validate(); err != nil {
		return err
	}
	if was.Hash() == is.Hash() {
		return nil
	}
	switch err := b.policy.MayStart(ctx, was); {
	case err == nil:
		if err := b.policy.ApproveServer(ctx, is); err != nil {
			return fmt.Errorf("keep your approval of server %q: %w", was.Name, err)
		}
	case !errors.Is(err, store.ErrHeld):
		return err
	}
	err := b.o.Settings.UpdateServers(func(all []store.ServerConfig) ([]store.ServerConfig, error) {
		for i := range all {
			if all[i].ID == id && all[i].Hash() == was.Hash() {
				all[i].Sandbox = is.Clone().Sandbox
				return all, nil
			}
		}
		return nil, fmt.Errorf("the configuration of %q has changed in the meantime; look again (%w)", was.Name, store.ErrHeld)
	})
	if err != nil {
		return err
	}
	b.apply()
	return nil
}
