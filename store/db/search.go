package db

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of a search. A word that every message has is found as fast as one
// that a single message has, because only the newest messages that match are
// read and compared.
const (
	searchCandidates = 200
	phraseCandidates = 1_000  // where the words must stand side by side, which the index does not know
	unspacedMessages = 20_000 // newest messages that are read for scripts without spaces between words
	searchWords      = 16     // of a query; the others are left out
)

// Search finds the messages of people and models that have all the words of the
// query, each a word or the beginning of one, in any order, without regard to
// case and accents. What stands between double quotes must be there as it is,
// word by word. It returns at most limit hits, the best first: whole words before
// beginnings, words side by side before scattered ones, and then the newest.
// Compared are the newest messages that match, and Found.Newest says how many
// where there may be more. A message that is still growing is not found yet, nor
// what stands beyond its first 262,144 characters.
//
// Words of scripts that are written without spaces (Chinese, Japanese, Thai and
// others) are looked for letter by letter in the newest 20,000 messages.
func (d *DB) Search(ctx context.Context, query string, limit int) (store.Found, error) {
	const what = "search the conversations"
	q := parseQuery(query)
	if len(q.words) == 0 || limit <= 0 {
		return store.Found{}, nil
	}
	most := searchCandidates
	if q.phrases > 0 {
		most = phraseCandidates
	}
	statement, args := `
		SELECT m.id, m.conversation, m.role, `+saidIn("m.parts")+`, m.created_at
		FROM (SELECT rowid AS seq FROM said WHERE said MATCH ? ORDER BY rowid DESC LIMIT ?) AS h JOIN messages m ON m.seq = h.seq
		ORDER BY m.seq DESC`, []any{q.match(), most + 1}
	if q.unspaced {
		statement, args = q.scan(most + 1)
	}
	rows, err := d.read.QueryContext(ctx, statement, args...)
	if err != nil {
		return store.Found{}, d.explain(what, err)
	}
	defer func() { _ = rows.Close() }()
	type candidate struct {
		hit   store.Hit
		score int
	}
	var (
		all   []candidate
		found store.Found
		n     int
	)
	for rows.Next() {
		if n++; n > most {
			found.Newest = most
			break
		}
		var (
			c       candidate
			text    string
			created int64
		)
		if err := rows.Scan(&c.hit.MessageID, &c.hit.ConversationID, &c.hit.Role, &text, &created); err != nil {
			return store.Found{}, d.explain(what, err)
		}
		c.hit.At = fromNanos(created)
		var fits bool
		if c.score, c.hit.Passage, c.hit.Marks, fits = q.look(text); fits {
			all = append(all, c)
		}
	}
	if err := rows.Err(); err != nil {
		return store.Found{}, d.explain(what, err)
	}
	if q.unspaced && found.Newest == 0 {
		found.Newest = unspacedMessages
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	for _, c := range all[:min(len(all), limit)] {
		found.Hits = append(found.Hits, c.hit)
	}
	return found, nil
}

// scan is the statement for scripts whose words the index does not know apart.
func (q query) scan(most int) (string, []any) {
	var b strings.Builder
	b.WriteString(`
		SELECT id, conversation, role, ` + saidIn("parts") + `, created_at
		FROM (SELECT * FROM messages ORDER BY seq DESC LIMIT ?) AS m WHERE ` + searchable("m"))
	args := []any{unspacedMessages}
	for _, w := range q.words {
		b.WriteString(" AND instr(lower(parts), ?) > 0")
		args = append(args, w.text)
	}
	b.WriteString(" ORDER BY seq DESC LIMIT ?")
	return b.String(), append(args, most)
}
