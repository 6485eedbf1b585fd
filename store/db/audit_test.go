package db

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/store"
)

func auditRecord(n int) store.AuditRecord {
	return store.AuditRecord{
		At: time.Unix(1_800_000_000+int64(n), 0), Kind: store.AuditCall, Client: "gateway", Key: fmt.Sprintf("key%d", n%4), Session: "s",
		Server: "fs", Tool: fmt.Sprintf("tool%d", n%10), Decision: "allow", Reason: "The person always allows this tool.",
		ArgumentShape: json.RawMessage(`{"path":"string"}`), ResultBytes: 100, Elapsed: time.Millisecond,
	}
}

func TestAuditIsFound(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	ctx := t.Context()
	var all []store.AuditRecord
	for n := range 250 {
		r := auditRecord(n)
		switch {
		case n%50 == 0:
			r.Kind, r.Decision, r.Reason, r.ArgumentShape = store.AuditDecision, "deny", "It is 100%_forbidden.", nil
		case n%50 == 1:
			r.Kind, r.Decision, r.Arguments = store.AuditApproval, "once", json.RawMessage(`{"path":"x"}`)
		}
		all = append(all, r)
	}
	for batch := range slices.Chunk(all, 70) {
		if err := d.AddAudit(ctx, batch, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	// Everything, page by page, the newest first, as it was written.
	var got []store.AuditRecord
	for q := (store.AuditQuery{Limit: 100}); ; q.Before = got[len(got)-1].ID {
		page, err := d.Audit(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
		if len(page) < 100 {
			break
		}
	}
	if len(got) != len(all) {
		t.Fatalf("%d records, want %d", len(got), len(all))
	}
	for i, r := range got {
		want := all[len(all)-1-i]
		want.ID = r.ID
		if a, b := mustJSON(t, r), mustJSON(t, want); a != b {
			t.Fatalf("record %d is %s, want %s", i, a, b)
		}
	}
	for _, test := range []struct {
		name string
		q    store.AuditQuery
		want int
	}{
		{"denied", store.AuditQuery{Decision: "deny"}, 5},
		{"allowed", store.AuditQuery{Decision: "allow", Limit: 1000}, 240},
		{"answered", store.AuditQuery{Kind: store.AuditApproval}, 5},
		{"calls of a key", store.AuditQuery{Kind: store.AuditCall, Key: "key3", Limit: 1000}, 62 - 2},
		{"of another key", store.AuditQuery{Key: "key"}, 0},
		{"a tool", store.AuditQuery{Tool: "tool7", Limit: 1000}, 25},
		{"text", store.AuditQuery{Text: "FORBIDDEN"}, 5},
		{"text with signs", store.AuditQuery{Text: "100%_f"}, 5},
		{"text without", store.AuditQuery{Text: "100%f"}, 0},
		{"shape", store.AuditQuery{Text: `"path"`, Limit: 1000}, 245},
		{"since", store.AuditQuery{Since: time.Unix(1_800_000_200, 0), Limit: 1000}, 50},
		{"until", store.AuditQuery{Until: time.Unix(1_800_000_010, 0)}, 10},
		{"both", store.AuditQuery{Since: time.Unix(1_800_000_000, 0), Until: time.Unix(1_800_000_002, 0), Client: "gateway", Server: "fs"}, 2},
		{"a hundred by itself", store.AuditQuery{}, 100},
	} {
		list, err := d.Audit(ctx, test.q)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != test.want {
			t.Errorf("%s: %d records, want %d", test.name, len(list), test.want)
		}
	}
	if _, err := d.Audit(ctx, store.AuditQuery{Limit: 1001}); err == nil {
		t.Error("a page of 1,001 records")
	}
}

// TestAuditFindsWhatFailed: an error chooses, whatever the decision was.
func TestAuditFindsWhatFailed(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	list := []store.AuditRecord{auditRecord(1), auditRecord(2), auditRecord(3)}
	for i := range list {
		list[i].Error = ""
	}
	list[1].Error = "The tool reported an error."
	if err := d.AddAudit(t.Context(), list, 1<<20); err != nil {
		t.Fatal(err)
	}
	got, err := d.Audit(t.Context(), store.AuditQuery{Failed: true})
	if err != nil || len(got) != 1 || got[0].Error != list[1].Error {
		t.Errorf("found %+v (%v)", got, err)
	}
}

func TestAuditIsBounded(t *testing.T) {
	t.Parallel()
	d := fresh(t)
	ctx := t.Context()
	const limit = 100 << 10
	n := 0
	for range 30 {
		var batch []store.AuditRecord
		for range 100 {
			batch = append(batch, auditRecord(n))
			n++
		}
		if err := d.AddAudit(ctx, batch, limit); err != nil {
			t.Fatal(err)
		}
		var total, kept, stored int64
		if err := d.read.QueryRowContext(ctx, "SELECT sum(size), count(*), (SELECT n FROM usage WHERE counter = 'audit') FROM audit").Scan(&total, &kept, &stored); err != nil {
			t.Fatal(err)
		}
		if total > limit || total != stored {
			t.Fatalf("after %d records %d bytes are kept (%d are said to be), the limit is %d", n, total, stored, limit)
		}
		if n > 1000 && (kept < 300 || total < limit*8/10) {
			t.Fatalf("only %d records of %d bytes are kept", kept, total)
		}
	}
	list, err := d.Audit(ctx, store.AuditQuery{Limit: 1})
	if err != nil || len(list) != 1 || !list[0].At.Equal(auditRecord(n-1).At) {
		t.Errorf("the newest is not kept: %+v (%v)", list, err)
	}
	// Counts of days are not lost with it.
	if err := d.AddUsage(ctx, "2026-11-21", map[string]int64{"key:a": 3}); err != nil {
		t.Fatal(err)
	}
	if err := d.AddUsage(ctx, "2026-11-21", map[string]int64{"key:a": 2, "team:b": 1}); err != nil {
		t.Fatal(err)
	}
	usage, err := d.Usage(ctx, "2026-11-21")
	if err != nil || len(usage) != 2 || usage["key:a"] != 5 {
		t.Errorf("counted %v (%v)", usage, err)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// BenchmarkAudit writes batches as the program does twice a second under load.
func BenchmarkAudit(b *testing.B) {
	d, err := Open(b.Context(), b.TempDir()+"/x.db")
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	batch := make([]store.AuditRecord, 1000)
	for i := range batch {
		batch[i] = auditRecord(i)
	}
	for b.Loop() {
		if err := d.AddAudit(b.Context(), batch, 64<<20); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(batch)), "µs/record")
}
