package setup_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
)

var update = flag.Bool("update", false, "write the golden files anew")

// told writes drafts as a person would read them, with what goes to the
// keychain marked.
func told(drafts []setup.Draft, problems []string) string {
	var b strings.Builder
	for _, d := range drafts {
		c := d.Config
		fmt.Fprintf(&b, "  %q %s", c.Name, c.Transport)
		if c.Command != "" {
			fmt.Fprintf(&b, " %q %q", c.Command, c.Args)
		}
		if c.URL != "" {
			fmt.Fprintf(&b, " %q", c.URL)
		}
		if c.Dir != "" {
			fmt.Fprintf(&b, " in %q", c.Dir)
		}
		if c.Disabled {
			b.WriteString(" off")
		}
		b.WriteByte('\n')
		for _, k := range slices.Sorted(maps.Keys(c.Env)) {
			fmt.Fprintf(&b, "    env %s=%q\n", k, c.Env[k])
		}
		for _, k := range slices.Sorted(maps.Keys(c.Headers)) {
			fmt.Fprintf(&b, "    header %s: %q\n", k, c.Headers[k])
		}
		if !c.Auth.Zero() {
			fmt.Fprintf(&b, "    signs in %s client=%q at %q and %q for %q with %q\n", c.Auth.Kind, c.Auth.ClientID, c.Auth.AuthorizationURL, c.Auth.TokenURL, c.Auth.Scopes, c.Auth.Secret)
		}
		if a := c.OpenAPI; a != nil {
			fmt.Fprintf(&b, "    document %q with %q %q %q\n", a.Document, a.Auth.Kind, a.Auth.User, a.Auth.Value)
		}
		if !c.Rules.Zero() {
			rules, err := json.Marshal(c.Rules)
			fmt.Fprintf(&b, "    rules %s %v\n", rules, err)
		}
		for _, f := range d.Fields {
			fmt.Fprintf(&b, "    asks %s %q kind=%q options=%q required=%t secret=%t multiple=%t default=%q\n", f.Key, f.Title, f.Kind, f.Options, f.Required, f.Secret, f.Multiple, f.Default)
		}
		for _, ref := range slices.Sorted(maps.Keys(d.Secrets)) {
			fmt.Fprintf(&b, "    keychain %s = %q\n", ref, d.Secrets[ref].Reveal())
		}
		for _, n := range d.Notes {
			fmt.Fprintf(&b, "    note %s\n", n)
		}
		for _, n := range d.Warnings {
			fmt.Fprintf(&b, "    warning %s\n", n)
		}
	}
	for _, p := range problems {
		fmt.Fprintf(&b, "  problem %s\n", p)
	}
	return b.String()
}

// golden holds a text against testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is another now:\n%s", name, got)
	}
}

// TestEveryApp reads the files of every app in a home of our own.
func TestEveryApp(t *testing.T) {
	t.Parallel()
	home, err := filepath.Abs(filepath.Join("testdata", "home"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range setup.Find(setup.Places{GOOS: "linux", Home: home}) {
		rel, err := filepath.Rel(home, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s (%s) %s\n%s", f.App, f.ID, filepath.ToSlash(rel), told(f.Drafts, f.Problems))
	}
	golden(t, "found.golden", strings.ReplaceAll(b.String(), home, "/home/ana"))
}

// TestTexts reads what a person may paste.
func TestTexts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"litellm.yaml", "hostile.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "texts", name))
		if err != nil {
			t.Fatal(err)
		}
		drafts, problems, err := setup.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		golden(t, "texts/"+name+".golden", told(drafts, problems))
	}
}
