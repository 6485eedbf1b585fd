package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

// AddKey keeps a new key. Its value is not kept, only the hash (store.HashKey).
// A name that another key has that is not revoked is an error that wraps
// store.ErrExists. It is durable when it returns.
func (d *DB) AddKey(ctx context.Context, k store.Key, hash [sha256.Size]byte) error {
	const what = "keep the key"
	limits, err := encodeLimits(what, k.ID, k.Name, k.Limits)
	if err != nil {
		return err
	}
	return d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
		if err := free(ctx, tx, "SELECT count(*) FROM keys WHERE name = ? AND revoked_at = 0", "key", k.Name); err != nil {
			return err
		}
		if k.Team != "" {
			if err := known(ctx, tx, "SELECT count(*) FROM teams WHERE id = ?", "team", k.Team); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO keys (id, name, team, hash, limits, created_at, used_at, revoked_at) VALUES (?,?,?,?,?,?,0,0)",
			k.ID, k.Name, k.Team, hash[:], limits, toNanos(k.CreatedAt))
		return err
	})
}

// Keys returns all keys with their hashes, the oldest first, revoked ones too.
func (d *DB) Keys(ctx context.Context) ([]store.HashedKey, error) {
	const what = "read the keys"
	rows, err := d.read.QueryContext(ctx, "SELECT id, name, team, hash, limits, created_at, used_at, revoked_at FROM keys ORDER BY created_at, id")
	if err != nil {
		return nil, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	var out []store.HashedKey
	for rows.Next() {
		var (
			k                      store.HashedKey
			hash, limits           []byte
			created, used, revoked int64
		)
		if err := rows.Scan(&k.ID, &k.Name, &k.Team, &hash, &limits, &created, &used, &revoked); err != nil {
			return nil, d.explain(what, err)
		}
		copy(k.Hash[:], hash)
		k.Limits = decodeLimits(limits)
		k.CreatedAt, k.UsedAt, k.RevokedAt = fromNanos(created), fromNanos(used), fromNanos(revoked)
		out = append(out, k)
	}
	return out, d.explain(what, rows.Err())
}

// RevokeKey ends a key for good. It is no error if it was revoked before, and
// one that wraps store.ErrNotFound if there is none. It is durable when it
// returns.
func (d *DB) RevokeKey(ctx context.Context, id string) error {
	return d.update(ctx, "revoke the key", func(ctx context.Context, tx *sql.Tx) error {
		if err := known(ctx, tx, "SELECT count(*) FROM keys WHERE id = ?", "key", id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at = 0", toNanos(d.now()), id)
		return err
	})
}

// RestoreKey takes back that a key was revoked. The error wraps store.ErrNotFound
// if there is none, and store.ErrExists where another key that holds has its name.
// It is durable when it returns.
func (d *DB) RestoreKey(ctx context.Context, id string) error {
	return d.update(ctx, "take the revocation of the key back", func(ctx context.Context, tx *sql.Tx) error {
		if err := known(ctx, tx, "SELECT count(*) FROM keys WHERE id = ?", "key", id); err != nil {
			return err
		}
		var name string
		if err := tx.QueryRowContext(ctx, "SELECT name FROM keys WHERE id = ?", id).Scan(&name); err != nil {
			return err
		}
		if err := free(ctx, tx, "SELECT count(*) FROM keys WHERE revoked_at = 0 AND name = ?", "key", name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE keys SET revoked_at = 0 WHERE id = ?", id)
		return err
	})
}

// KeysUsed keeps when keys were used last, by id.
func (d *DB) KeysUsed(ctx context.Context, used map[string]time.Time) error {
	return d.update(ctx, "keep when keys were used", func(ctx context.Context, tx *sql.Tx) error {
		for id, at := range used {
			if _, err := tx.ExecContext(ctx, "UPDATE keys SET used_at = max(used_at, ?) WHERE id = ?", toNanos(at), id); err != nil {
				return err
			}
		}
		return nil
	})
}

// SetTeam keeps a team, new or changed. A name that another has is an error that
// wraps store.ErrExists.
func (d *DB) SetTeam(ctx context.Context, t store.Team) error {
	const what = "keep the team"
	limits, err := encodeLimits(what, t.ID, t.Name, t.Limits)
	if err != nil {
		return err
	}
	return d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
		if err := free(ctx, tx, "SELECT count(*) FROM teams WHERE name = ? AND id <> ?", "team", t.Name, t.ID); err != nil {
			return err
		}
		if t.Organisation != "" {
			if err := known(ctx, tx, "SELECT count(*) FROM organisations WHERE id = ?", "organisation", t.Organisation); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO teams (id, name, organisation, limits, at) VALUES (?,?,?,?,?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, organisation = excluded.organisation, limits = excluded.limits`,
			t.ID, t.Name, t.Organisation, limits, toNanos(d.now()))
		return err
	})
}

// Teams returns all teams by name.
func (d *DB) Teams(ctx context.Context) ([]store.Team, error) {
	var out []store.Team
	err := d.limited(ctx, "read the teams", "SELECT id, name, organisation, limits FROM teams ORDER BY name", func(id, name, org string, l store.Limits) {
		out = append(out, store.Team{ID: id, Name: name, Organisation: org, Limits: l})
	})
	return out, err
}

// SetOrganisation keeps an organisation, new or changed. A name that another has
// is an error that wraps store.ErrExists.
func (d *DB) SetOrganisation(ctx context.Context, o store.Organisation) error {
	const what = "keep the organisation"
	limits, err := encodeLimits(what, o.ID, o.Name, o.Limits)
	if err != nil {
		return err
	}
	return d.update(ctx, what, func(ctx context.Context, tx *sql.Tx) error {
		if err := free(ctx, tx, "SELECT count(*) FROM organisations WHERE name = ? AND id <> ?", "organisation", o.Name, o.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO organisations (id, name, limits, at) VALUES (?,?,?,?)
			ON CONFLICT (id) DO UPDATE SET name = excluded.name, limits = excluded.limits`,
			o.ID, o.Name, limits, toNanos(d.now()))
		return err
	})
}

// Organisations returns all organisations by name.
func (d *DB) Organisations(ctx context.Context) ([]store.Organisation, error) {
	var out []store.Organisation
	err := d.limited(ctx, "read the organisations", "SELECT id, name, '', limits FROM organisations ORDER BY name", func(id, name, _ string, l store.Limits) {
		out = append(out, store.Organisation{ID: id, Name: name, Limits: l})
	})
	return out, err
}

// RemoveTeam removes a team that no key is in that holds; otherwise the error
// wraps store.ErrInvalid. Revoked keys stay, without it.
func (d *DB) RemoveTeam(ctx context.Context, id string) error {
	return d.update(ctx, "remove the team", func(ctx context.Context, tx *sql.Tx) error {
		if err := known(ctx, tx, "SELECT count(*) FROM teams WHERE id = ?", "team", id); err != nil {
			return err
		}
		if err := unused(ctx, tx, "SELECT count(*) FROM keys WHERE team = ? AND revoked_at = 0", id, "keys are in it; revoke them first"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM teams WHERE id = ?", id)
		return err
	})
}

// RemoveOrganisation removes an organisation without teams; otherwise the error
// wraps store.ErrInvalid.
func (d *DB) RemoveOrganisation(ctx context.Context, id string) error {
	return d.update(ctx, "remove the organisation", func(ctx context.Context, tx *sql.Tx) error {
		if err := known(ctx, tx, "SELECT count(*) FROM organisations WHERE id = ?", "organisation", id); err != nil {
			return err
		}
		if err := unused(ctx, tx, "SELECT count(*) FROM teams WHERE organisation = ?", id, "teams are in it; remove them first"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM organisations WHERE id = ?", id)
		return err
	})
}

func (d *DB) limited(ctx context.Context, what, query string, take func(id, name, of string, l store.Limits)) error {
	rows, err := d.read.QueryContext(ctx, query)
	if err != nil {
		return d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, name, of string
		var text []byte
		if err := rows.Scan(&id, &name, &of, &text); err != nil {
			return d.explain(what, err)
		}
		take(id, name, of, decodeLimits(text))
	}
	return d.explain(what, rows.Err())
}

func encodeLimits(what, id, name string, l store.Limits) (string, error) {
	if id == "" || name == "" {
		return "", fmt.Errorf("%s: it needs an id and a name (%w)", what, store.ErrInvalid)
	}
	if err := l.Validate(); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	b, err := json.Marshal(l)
	return string(b), err
}

// decodeLimits reads limits. What cannot be read allows nothing.
func decodeLimits(text []byte) (l store.Limits) {
	if json.Unmarshal(text, &l) != nil {
		return store.Limits{Servers: []string{}, Groups: []string{}, Tools: []string{}, NoApprove: true, Models: &store.ModelAccess{Providers: []string{}, Models: []string{}}}
	}
	return l
}

func count(ctx context.Context, tx *sql.Tx, query string, args ...any) (n int, err error) {
	err = tx.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

func free(ctx context.Context, tx *sql.Tx, query, what, name string, more ...any) error {
	n, err := count(ctx, tx, query, append([]any{name}, more...)...)
	if err == nil && n > 0 {
		err = fmt.Errorf("there is a %s %q already; choose another name (%w)", what, name, store.ErrExists)
	}
	return err
}

func known(ctx context.Context, tx *sql.Tx, query, what, id string) error {
	n, err := count(ctx, tx, query, id)
	if err == nil && n == 0 {
		err = fmt.Errorf("there is no %s %q (%w)", what, id, store.ErrNotFound)
	}
	return err
}

func unused(ctx context.Context, tx *sql.Tx, query, id, why string) error {
	n, err := count(ctx, tx, query, id)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d %s (%w)", n, why, store.ErrInvalid)
	}
	return err
}
