package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/store"
)

// RememberProvider notes an entry and its secrets before it is changed. The function
// that it returns has them be as they were; until it is let go the secrets are in
// memory, and nobody gets to see them. The error wraps store.ErrNotFound; that of
// the function wraps store.ErrNotFound where the entry was removed since.
func (b *Bridge) RememberProvider(ctx context.Context, id string) (back func(ctx context.Context) error, err error) {
	was, err := b.Provider(id)
	if err != nil {
		return nil, err
	}
	before := map[store.SecretRef]store.Secret{}
	refs, err := b.providerSecrets(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the secrets of the provider: %w", err)
	}
	for _, ref := range refs {
		if before[ref], err = b.o.Secrets.Get(ctx, ref); err != nil {
			return nil, fmt.Errorf("read the secrets of the provider: %w", err)
		}
	}
	return func(ctx context.Context) error {
		if _, err := b.Provider(id); err != nil {
			return err
		}
		now, err := b.providerSecrets(ctx, id)
		if err != nil {
			return err
		}
		for ref, value := range before {
			if err := b.o.Secrets.Set(ctx, ref, value); err != nil {
				return err
			}
		}
		if err := b.SetProvider(ctx, was, nil); err != nil {
			return err
		}
		var errs []error
		for _, ref := range now {
			if _, ok := before[ref]; !ok {
				errs = append(errs, b.o.Secrets.Remove(ctx, ref))
			}
		}
		return errors.Join(errs...)
	}, nil
}

// providerSecrets returns the names of an entry's secrets; none where there is no
// place for secrets at all.
func (b *Bridge) providerSecrets(ctx context.Context, id string) ([]store.SecretRef, error) {
	refs, err := b.o.Secrets.List(ctx)
	if errors.Is(err, store.ErrNoKeychain) {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Clone(refs), func(ref store.SecretRef) bool {
		owner, ok := ref.ProviderID()
		return !ok || owner != id
	}), err
}
