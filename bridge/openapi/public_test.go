package openapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

func document(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if filepath.Ext(name) == ".gz" {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var allMethods = []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"}

// patience is how long reading may take in tests that are about something else:
// with the race detector and on a busy machine, all takes many times as long.
const patience = 10 * time.Minute

// checkCost holds what reading a document took against what it may take.
func checkCost(t *testing.T, took time.Duration, used uint64) {
	t.Helper()
	if bounds.Race {
		return
	}
	if took > convertLimit {
		t.Errorf("took %s", took)
	}
	if used > 256<<20 {
		t.Errorf("took %d MiB", used>>20)
	}
}

// cost runs work and returns the time that it kept this process busy, which does
// not depend on what else the machine does, and how much the heap grew at most,
// as far as a look every few milliseconds can tell. Garbage is collected soon
// meanwhile, so that what is counted is what the work holds, and not how far a
// machine's collector lags behind.
func cost(work func()) (time.Duration, uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapAlloc, m.HeapAlloc
	started := bounds.Busy()
	done := make(chan struct{})
	go func() { defer close(done); work() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return bounds.Busy() - started, most - before
		case <-tick.C:
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
}

// TestPublicDocumentBounds converts every operation of large documents that are in
// use, within the limits of time and memory, and checks each tool's schema.
func TestPublicDocumentBounds(t *testing.T) {
	for _, c := range []struct {
		name       string
		operations int
	}{
		{"github.json.gz", 1223},
		{"stripe.json.gz", 452},
		{"kubernetes.json.gz", 845},
		{"netlify.json.gz", 181},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := document(t, c.name)
			var s *Server
			var err error
			took, used := cost(func() {
				s, err = New(context.Background(), Options{Document: b, BaseURL: "https://api.example.com", Choice: Choice{Methods: allMethods}, limit: patience})
			})
			if err != nil {
				t.Fatal(err)
			}
			total := 0
			names := map[string]bool{}
			for _, one := range s.tools {
				total += len(one.schema)
				if names[one.op.Name] || len(one.op.Name) > nameMax || plainName(one.op.Name) != one.op.Name {
					t.Errorf("the name %q is not unique or not plain", one.op.Name)
				}
				names[one.op.Name] = true
				checkSchema(t, one)
			}
			t.Logf("%d tools in %s, %d MiB, schemas of %d KiB, %v", len(s.tools), took, used>>20, total>>10, s.Notes())
			if len(s.tools) != c.operations || len(s.Notes()) > 0 {
				t.Errorf("%d tools, want %d; left out: %v", len(s.tools), c.operations, s.Notes())
			}
			checkCost(t, took, used)
		})
	}
}

// checkSchema resolves the schema of a tool, all references included.
func checkSchema(t *testing.T, one *tool) {
	t.Helper()
	if !json.Valid(one.schema) || !bytes.HasPrefix(one.schema, []byte(`{`)) {
		t.Errorf("%s: the schema is no JSON", one.op.Name)
		return
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(one.schema, &schema); err != nil {
		t.Errorf("%s: %v", one.op.Name, err)
		return
	}
	if schema.Type != "object" {
		t.Errorf("%s: the schema is of type %q", one.op.Name, schema.Type)
	}
	if _, err := schema.Resolve(nil); err != nil {
		t.Errorf("%s: %v", one.op.Name, err)
	}
}
