package setup_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

// sizedAll has the list of files say that each has that size.
func sizedAll(b []byte, n uint32) []byte {
	b = bytes.Clone(b)
	for at := bytes.Index(b, []byte("PK\x01\x02")); at >= 0; {
		binary.LittleEndian.PutUint32(b[at+24:], n)
		next := bytes.Index(b[at+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += 4 + next
	}
	return b
}

// TestBundlesSayWhatIsWrong holds each check of a bundle by its words: most of
// what is refused would be refused later as well, but for another reason, or
// with files written already.
func TestBundlesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	const plain = `{"manifest_version":"0.3","name":"n","version":"1","server":{"type":"node","mcp_config":{"command":"node"}}}`
	good := file{"manifest.json", plain, 0}
	with := func(old, new string) []file {
		return []file{{"manifest.json", strings.Replace(plain, old, new, 1), 0}}
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	several := pack(t, good, file{"a", "x", 0}, file{"b", "x", 0}, file{"c", "x", 0})
	locked := read(pack(t, good, file{"a", "x", 0}))
	last := bytes.LastIndex(locked, []byte("PK\x01\x02"))
	locked[last+8] |= 1
	var many []file
	for i := range 50_001 {
		many = append(many, file{fmt.Sprintf("%05d", i), "", 0})
	}
	vast := put(t, read(several))
	if err := os.Truncate(vast, 100<<20+1); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		path, says string
	}{
		"100 MB":                          {vast, "larger than 100 MB"},
		"a link":                          {pack(t, good, file{"a", "/etc/passwd", fs.ModeSymlink | 0o777}), "it has a link in it"},
		"a pipe":                          {pack(t, good, file{"a", "", fs.ModeNamedPipe | 0o666}), "no plain file"},
		"other rights":                    {pack(t, good, file{"a", "x", fs.ModeSetuid | 0o755}), "no plain file"},
		"up":                              {pack(t, good, file{"../a", "x", 0}), "leads outside of it"},
		"a name for ever":                 {pack(t, good, file{strings.Repeat("a", 500), "x", 0}), "some system does not take"},
		"a folder for ever":               {pack(t, good, file{strings.Repeat("a/", 60) + "b", "x", 0}), "some system does not take"},
		"a drive":                         {pack(t, good, file{"C:/a", "x", 0}), "some system does not take"},
		"a device of Windows":             {pack(t, good, file{"a/com1.txt", "x", 0}), "some system does not take"},
		"turned letters":                  {pack(t, good, file{"a\u202eb", "x", 0}), "some system does not take"},
		"the same twice":                  {pack(t, good, file{"a", "x", 0}, file{"A", "x", 0}), "twice"},
		"a file in a file":                {pack(t, good, file{"a", "x", 0}, file{"a/b", "x", 0}), "both a file and a folder"},
		"a folder with a text":            {pack(t, good, file{"a", "", fs.ModeDir | 0o755}), "both a file and a folder"},
		"a password":                      {put(t, locked), "locked with a password"},
		"much in all":                     {put(t, sizedAll(read(several), 150<<20)), "unpacks to more than 400 MB"},
		"much in one":                     {put(t, sizedAll(read(several), 0xFFFFFFF0)), "unpacks to more than 400 MB"},
		"too many":                        {pack(t, append(many, good)...), "more than 50000 files"},
		"a manifest that is too long":     {pack(t, file{"manifest.json", plain + strings.Repeat(" ", 600<<10), 0}), "larger than 512 kB"},
		"a key twice":                     {pack(t, with(`"name"`, `"name":"safe","name"`)...), "a key twice"},
		"a start outside":                 {pack(t, with(`"type"`, `"entry_point":"../x","type"`)...), "lies outside of it"},
		"a start that is missing":         {pack(t, with(`"type"`, `"entry_point":"x.js","type"`)...), "is not in it"},
		"another's secret":                {pack(t, with(`"command":"node"`, `"command":"node","env":{"K":"${secret:provider/openai/key}"}`)...), "refers to a secret by name"},
		"another's secret in a part":      {pack(t, with(`"command":"node"`, `"command":"node","env":{"K":"Bearer ${secret:provider/openai/key}"}`)...), "refers to a secret by name"},
		"another's secret for one system": {pack(t, with(`"command":"node"`, `"command":"node","platform_overrides":{"linux":{"env":{"K":"${secret:provider/openai/key}"}}}`)...), "refers to a secret by name"},
		"a place of its own":              {pack(t, with(`"command":"node"`, `"command":"node","args":["${ask:x}"]`)...), "for which nobody asks"},
		"two settings of one name":        {pack(t, with(`"version"`, `"user_config":{"a b":{"type":"string"},"a_b":{"type":"string"}},"version"`)...), "twice"},
		"another system":                  {pack(t, with(`"version"`, `"compatibility":{"platforms":["darwin"]},"version"`)...), "made for darwin"},
	} {
		home := t.TempDir()
		b, err := setup.OpenBundle(context.Background(), tt.path)
		if err == nil {
			_, err = b.Draft(linux, home)
		}
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
			t.Errorf("%s left %v, %v", name, left, err)
		}
	}

	// What a bundle sets is looked at like what is pasted.
	b, err := setup.OpenBundle(context.Background(), pack(t, with(`"command":"node"`, `"command":"bash","args":["-c","x","pad                    ded"],"env":{"LD_PRELOAD":"x","API_TOKEN":"canary-4711"}`)...))
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.Draft(linux, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	warnings := strings.Join(d.Warnings, "\n")
	for _, text := range []string{"LD_PRELOAD was left out", "piece of script", "long runs of blanks"} {
		if !strings.Contains(warnings, text) {
			t.Errorf("no warning says %q: %q", text, warnings)
		}
	}
	if v := d.Config.Env["API_TOKEN"]; !v.Secret() || len(d.Secrets) != 1 || d.Config.Env["LD_PRELOAD"] != "" {
		t.Errorf("%+v", d.Config.Env)
	}
}

// TestHostileTexts gives the tricks of SECURITY, each in every shape that a
// person may be led to: pasted, in a file of an app, and in links. What is kept
// is what stands there, letter by letter; what is dropped or odd is told.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 10_000) + "END"
	for name, tt := range map[string]struct {
		server string
		args   []string // that are kept as they are
		env    map[string]store.Value
		notes  []string // in notes or warnings
	}{
		"metacharacters": {`{"command":"npx","args":["$(touch /x)","` + "`id`" + `",";rm -rf /","&& x","| sh","> /etc/x","*","~","\n"]}`,
			[]string{"$(touch /x)", "`id`", ";rm -rf /", "&& x", "| sh", "> /etc/x", "*", "~", "\n"}, nil, []string{"cannot be seen"}},
		"a long argument":       {`{"command":"npx","args":["` + long + `"]}`, []string{long}, nil, nil},
		"a padded argument":     {`{"command":"npx","args":["ok` + strings.Repeat(" ", 300) + `--evil"]}`, []string{"ok" + strings.Repeat(" ", 300) + "--evil"}, nil, []string{"long runs of blanks"}},
		"a turned argument":     {`{"command":"npx","args":["safe\u202egnp"]}`, []string{"safe\u202egnp"}, nil, []string{"change how text reads"}},
		"a preload":             {`{"command":"npx","args":[],"env":{"LD_PRELOAD":"/x","ld_library_path":"/x","NODE_OPTIONS":"-r x","BASH_ENV":"x","A":"b"}}`, nil, map[string]store.Value{"A": "b"}, []string{"LD_PRELOAD was left out", "ld_library_path was left out", "NODE_OPTIONS was left out", "BASH_ENV was left out"}},
		"a path of its own":     {`{"command":"npx","env":{"PATH":"/tmp/evil","PYTHONPATH":"/tmp/evil"}}`, nil, map[string]store.Value{"PATH": "/tmp/evil", "PYTHONPATH": "/tmp/evil"}, []string{"PATH says where", "PYTHONPATH says where"}},
		"an interpreter":        {`{"command":"python3.12","args":["-c","x"]}`, []string{"-c", "x"}, nil, []string{"piece of script"}},
		"an interpreter's path": {`{"command":"/usr/bin/bash","args":["-lc","x"]}`, []string{"-lc", "x"}, nil, []string{"piece of script"}},
		"a wrapped one":         {`{"command":"env","args":["A=b","sh","-c","x"]}`, []string{"A=b", "sh", "-c", "x"}, nil, []string{"runs another program"}},
		"waivers":               {`{"command":"npx","trust":true,"autoApprove":["*"],"alwaysAllow":["a"]}`, nil, nil, []string{`"trust" was left out`, `"autoApprove" was left out`, `"alwaysAllow" was left out`}},
		"references":            {`{"command":"npx","args":["${env:HOME_X}"],"env":{"A":"${env:A_B}"}}`, []string{"${env:HOME_X}"}, map[string]store.Value{"A": "${env:A_B}"}, []string{"(A_B) each time the server starts", "HOME_X of your environment"}},
		"a secret in arguments": {`{"command":"npx","args":["--token=ghp_fixture0000000000000000"]}`, []string{"--token=ghp_fixture0000000000000000"}, nil, []string{"An argument looks like a secret"}},
	} {
		pasted := `{"mcpServers":{"s":` + tt.server + `}}`
		links := []string{
			"vscode:mcp/install?" + url.PathEscape(strings.Replace(tt.server, "{", `{"name":"s",`, 1)),
			"cursor://anysphere.cursor-deeplink/mcp/install?name=s&config=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(tt.server))),
			"lmstudio://add_mcp?name=s&config=" + base64.URLEncoding.EncodeToString([]byte(tt.server)),
			"cherrystudio://mcp/install?servers=" + base64.StdEncoding.EncodeToString([]byte(pasted)),
		}
		for i, text := range append([]string{pasted}, links...) {
			drafts, problems, err := setup.Parse([]byte(text))
			if err != nil || len(drafts) != 1 || len(problems) > 0 {
				t.Errorf("%s, shape %d: %d drafts, %q, %v", name, i, len(drafts), problems, err)
				continue
			}
			d := drafts[0]
			if d.Config.Name != "s" || !slices.Equal(d.Config.Args, tt.args) && len(d.Config.Args)+len(tt.args) > 0 {
				t.Errorf("%s, shape %d: %q has the arguments %.200q", name, i, d.Config.Name, d.Config.Args)
			}
			for k, v := range tt.env {
				if d.Config.Env[k] != v {
					t.Errorf("%s, shape %d: %s is %q", name, i, k, d.Config.Env[k])
				}
			}
			if tt.env != nil && len(d.Config.Env) != len(tt.env) {
				t.Errorf("%s, shape %d: the environment is %v", name, i, d.Config.Env)
			}
			told := strings.Join(append(slices.Clone(d.Notes), d.Warnings...), "\n")
			for _, want := range tt.notes {
				if !strings.Contains(told, want) {
					t.Errorf("%s, shape %d: nothing says %q: %q", name, i, want, told)
				}
			}
			if shown := d.Shown(); !slices.Equal(shown.Args, d.Config.Args) {
				t.Errorf("%s, shape %d: shown as %.200q", name, i, shown.Args)
			}
		}
	}
}

// TestSecretsOfEveryShape: a token in plain text goes to the keychain, wherever
// apps keep it, and stays nowhere else.
func TestSecretsOfEveryShape(t *testing.T) {
	t.Parallel()
	const canary = "ghp_canary000000000000000000"
	for name, text := range map[string]string{
		"mcpServers":   `{"mcpServers":{"s":{"command":"x","env":{"TOKEN":"CANARY"}}}}`,
		"VS Code":      `{"servers":{"s":{"type":"http","url":"https://a.example/mcp","headers":{"Authorization":"Bearer CANARY"}}}}`,
		"Windsurf":     `{"mcpServers":{"s":{"serverUrl":"https://a.example/mcp","headers":{"X-Api-Key":"CANARY"}}}}`,
		"Gemini":       `{"mcpServers":{"s":{"httpUrl":"https://a.example/mcp","headers":{"X-Api-Key":"CANARY"},"trust":true}}}`,
		"Zed":          `{"context_servers":{"s":{"command":{"path":"x","args":[],"env":{"API_KEY":"CANARY"}}}}}`,
		"goose":        "extensions:\n  s:\n    type: stdio\n    cmd: x\n    enabled: true\n    envs:\n      API_KEY: CANARY\n",
		"Codex":        "[mcp_servers.s]\ncommand = \"x\"\n[mcp_servers.s.env]\nAPI_KEY = \"CANARY\"\n",
		"LiteLLM":      "mcp_servers:\n  s:\n    url: https://a.example/mcp\n    auth_type: bearer_token\n    auth_value: CANARY\n",
		"LiteLLM, key": "mcp_servers:\n  s:\n    url: https://a.example/mcp\n    auth_type: api_key\n    auth_value: CANARY\n",
		"mcp-remote":   `{"mcpServers":{"s":{"command":"npx","args":["-y","mcp-remote","https://a.example/mcp","--header","Authorization: Bearer CANARY"]}}}`,
		"by its looks": `{"mcpServers":{"s":{"command":"x","env":{"HARMLESS":"CANARY"}}}}`,
	} {
		drafts, problems, err := setup.Parse([]byte(strings.ReplaceAll(text, "CANARY", canary)))
		if err != nil || len(drafts) != 1 || len(problems) > 0 {
			t.Errorf("%s: %d drafts, %q, %v", name, len(drafts), problems, err)
			continue
		}
		d := drafts[0]
		found := false
		for ref, v := range d.Secrets {
			found = found || strings.Contains(v.Reveal(), canary) && ref.MayUse(d.Config.ID)
		}
		if !found {
			t.Errorf("%s: the token is not among the secrets", name)
		}
		if text := fmt.Sprintf("%+v %q %q %+v", d.Config, d.Notes, d.Warnings, d.Shown()); strings.Contains(text, "canary") {
			t.Errorf("%s: the token stays in %s", name, text)
		}
	}
}

// TestTextsWithoutEnd holds the bounds of a text by their words.
func TestTextsWithoutEnd(t *testing.T) {
	t.Parallel()
	servers := func(n int, one string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(`"s%d":%s`, i, one))
		}
		return `{"mcpServers":{` + strings.Join(all, ",") + "}}"
	}
	for name, tt := range map[string]struct{ text, says string }{
		"the text":       {`{"mcpServers":{}}` + strings.Repeat(" ", 5<<20), "longer than"},
		"many servers":   {servers(2000, `{"command":"x"}`), "servers"},
		"large ones":     {servers(400, `{"command":"x","args":["`+strings.Repeat("a", 8<<10)+`"]}`), "kB, more than"},
		"a link":         {"cursor://anysphere.cursor-deeplink/mcp/install?name=a&config=" + strings.Repeat("A", 70<<10), ""},
		"a key twice":    {"lmstudio://add_mcp?name=a&config=e30&config=e30", `"config" twice`},
		"nothing inside": {"lmstudio://add_mcp?name=a", "no description"},
	} {
		if _, _, err := setup.Parse([]byte(tt.text)); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one := servers(1, `{"command":"x","args":["`+strings.Repeat("a", 80<<10)+`"]}`)
	if drafts, problems, err := setup.Parse([]byte(one)); err != nil || len(drafts) > 0 || len(problems) != 1 || !strings.Contains(problems[0], "longer than") {
		t.Errorf("a large server: %d drafts, %q, %v", len(drafts), problems, err)
	}
}

// TestComparingShowsNoSecret, and no name of one.
func TestComparingShowsNoSecret(t *testing.T) {
	t.Parallel()
	ref := store.ServerSecret("s", "header", "Authorization")
	here := []store.ServerConfig{{ID: "s", Name: "s", Transport: store.TransportHTTP, URL: "https://a.example/mcp", Headers: map[string]store.Value{"Authorization": "Bearer " + store.RefTo(ref)}}}
	drafts, _, err := setup.Parse([]byte(`{"mcpServers":{"s":{"url":"https://a.example/mcp","headers":{"X-Trace":"1"}}}}`))
	if err != nil || len(drafts) != 1 {
		t.Fatal(err)
	}
	c := setup.Compare(drafts[0], here)
	want := []setup.Change{{What: "header Authorization", Here: "Bearer ‹secret›"}, {What: "header X-Trace", There: "1"}}
	if c.State != setup.Differs || !slices.Equal(c.Changes, want) {
		t.Errorf("%s, %+v", c.State, c.Changes)
	}
}

// TestFilesThatAreNone: what another app's place leads to is read only if it is a
// file, and not without end.
func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	cursor := filepath.Join(home, ".cursor")
	if err := os.Mkdir(cursor, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cursor, "mcp.json")
	for name, put := range map[string]func() error{
		"a folder":   func() error { return os.Mkdir(path, 0o700) },
		"a device":   func() error { return os.Symlink("/dev/zero", path) },
		"a circle":   func() error { return os.Symlink(path, path) },
		"4 MB more":  func() error { return os.WriteFile(path, bytes.Repeat([]byte(" "), 4<<20+1), 0o600) },
		"deep":       func() error { return os.WriteFile(path, []byte(`{"mcpServers":`+strings.Repeat("[", 100_000)), 0o600) },
		"100 MB":     func() error { f, err := os.Create(path); return errors.Join(err, f.Truncate(100<<20), f.Close()) },
		"no servers": func() error { return os.WriteFile(path, []byte(`{"mcpServers":[5]}`), 0o600) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		found := setup.Find(setup.Places{GOOS: "linux", Home: home})
		if len(found) != 1 || len(found[0].Problems) == 0 || len(found[0].Drafts) > 0 {
			t.Errorf("%s: %+v", name, found)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}
