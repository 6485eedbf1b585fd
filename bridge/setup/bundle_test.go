package setup_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/store"
)

const manifest = `{
  "manifest_version": "0.3", "name": "notes", "display_name": "My notes", "version": "1.2.0",
  "description": "Reads notes", "author": {"name": "Ana"},
  "server": {"type": "node", "entry_point": "server/index.js", "mcp_config": {
    "command": "node",
    "args": ["${__dirname}/server/index.js", "${user_config.folders}", "--max=${user_config.max}", "${user_config.extra}", "${HOME}${/}x"],
    "env": {"NOTES_KEY": "${user_config.key}", "MODE": "plain", "VERBOSE": "${user_config.loud}", "LD_PRELOAD": "x"},
    "platform_overrides": {"win32": {"command": "node.exe", "env": {"MODE": "windows"}}}}},
  "user_config": {
    "folders": {"type": "directory", "title": "Folders", "description": "Where notes are", "multiple": true, "required": true, "default": ["${DOCUMENTS}"]},
    "max": {"type": "number", "title": "Most", "default": 10, "min": 1, "max": 100},
    "extra": {"type": "string", "title": "Extra"},
    "loud": {"type": "boolean", "title": "Loud", "default": true},
    "key": {"type": "string", "title": "Key", "sensitive": true, "required": true}
  },
  "compatibility": {"platforms": ["linux", "win32"], "runtimes": {"node": ">=18"}}
}`

type file struct {
	name, text string
	mode       fs.FileMode
}

// pack writes an archive of the files.
func pack(t testing.TB, files ...file) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if f.mode == 0 {
			f.mode = 0o644
		}
		h.SetMode(f.mode)
		e, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(e, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return put(t, b.Bytes())
}

func put(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.mcpb")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var linux = setup.Places{GOOS: "linux", Home: "/home/ana"}

func TestBundle(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	b, err := setup.OpenBundle(context.Background(), pack(t, file{"manifest.json", manifest, 0}, file{"server/index.js", "code", 0}, file{"server/tool", "#!", 0o755}, file{"empty/", "", fs.ModeDir | 0o755}))
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.Draft(linux, home)
	if err != nil {
		t.Fatal(err)
	}
	dir := d.Bundle.Dir
	golden(t, "bundle.golden", strings.ReplaceAll(told([]setup.Draft{d}, nil), dir, "DIR"))
	if _, err := d.Fill(nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a needed value was not asked for: %v", err)
	}
	for name, values := range map[string]map[string][]string{
		"too large":       {"key": {"k"}, "max": {"101"}},
		"no number":       {"key": {"k"}, "max": {"NaN"}},
		"no switch":       {"key": {"k"}, "loud": {"perhaps"}},
		"no full path":    {"key": {"k"}, "folders": {"../x"}},
		"several":         {"key": {"k", "l"}},
		"line break":      {"key": {"k\nl"}},
		"another's key":   {"key": {"${secret:provider/openai/key}"}},
		"another's place": {"key": {"k"}, "extra": {"${ask:key}"}},
	} {
		if _, err := d.Fill(values); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	full, err := d.Fill(map[string][]string{"key": {"canary-4711"}, "folders": {"/a b", "/c"}, "loud": {"false"}})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "bundle.filled.golden", strings.ReplaceAll(told([]setup.Draft{full}, nil), dir, "DIR"))
	if len(d.Fields) != 5 || len(d.Secrets) != 0 || d.Config.Env["VERBOSE"] != "${ask:loud}" {
		t.Error("filling a draft changed it")
	}

	remove, err := d.Bundle.Install(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"server/index.js": 0o600, "server/tool": 0o700, "manifest.json": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("beside it lies %v, %v", left, err)
	}
	again, err := d.Bundle.Install(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error("taking a second one back removed the first")
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}

	other, err := os.ReadFile(pack(t, file{"manifest.json", manifest, 0}, file{"server/index.js", "evil", 0}))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Bundle.Path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Bundle.Install(context.Background()); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a bundle that was exchanged after the look was unpacked: %v", err)
	}
	if left, err = os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

func TestBundlesOfEachKind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ goos, server, command, args string }{
		{"linux", `{"type":"binary","entry_point":"bin/tool","mcp_config":{"command":"${__dirname}/bin/tool","args":["a"]}}`, "DIR/bin/tool", "a"},
		{"linux", `{"type":"binary","entry_point":"bin/tool","mcp_config":{"command":"bin/tool"}}`, "DIR/bin/tool", ""},
		{"linux", `{"type":"uv","entry_point":"src/server.py"}`, "uv", "run|--directory|DIR|DIR/src/server.py"},
		{"linux", `{"type":"python","entry_point":"src/server.py","mcp_config":{"command":"python3","args":["${__dirname}/src/server.py"],"platform_overrides":{"linux":{"args":["-u","${__dirname}/src/server.py"]}}}}`, "python3", "-u|DIR/src/server.py"},
		{"windows", `{"type":"python","entry_point":"src/server.py","mcp_config":{"command":"python3","args":["x"],"platform_overrides":{"win32":{"command":"python"}}}}`, "python", "x"},
	} {
		m := fmt.Sprintf(`{"dxt_version":"0.1","name":"n","version":"1","server":%s}`, tt.server)
		b, err := setup.OpenBundle(context.Background(), pack(t, file{"manifest.json", m, 0}, file{"bin/tool", "x", 0}, file{"src/server.py", "x", 0}))
		if err != nil {
			t.Errorf("%s: %v", tt.server, err)
			continue
		}
		d, err := b.Draft(setup.Places{GOOS: tt.goos, Home: "/home/ana"}, t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", tt.server, err)
			continue
		}
		short := func(s string) string { return strings.ReplaceAll(s, d.Bundle.Dir, "DIR") }
		if short(d.Config.Command) != tt.command || short(strings.Join(d.Config.Args, "|")) != tt.args {
			t.Errorf("%s runs %q %q", tt.server, short(d.Config.Command), short(strings.Join(d.Config.Args, "|")))
		}
		if strings.Contains(tt.server, "binary") {
			if _, err := d.Bundle.Install(context.Background()); err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(d.Config.Command); err != nil || info.Mode()&0o100 == 0 {
				t.Errorf("%s cannot be run: %v", d.Config.Command, err)
			}
		}
	}
}

func TestSecretsOfBundlesStayOutOfArguments(t *testing.T) {
	t.Parallel()
	m := `{"manifest_version":"0.2","name":"n","version":"1","server":{"type":"node","mcp_config":{"command":"node","args":["--key=${user_config.k}"]}},"user_config":{"k":{"type":"string","sensitive":true}}}`
	b, err := setup.OpenBundle(context.Background(), pack(t, file{"manifest.json", m, 0}))
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.Draft(linux, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fill(map[string][]string{"k": {"canary-4711"}}); !errors.Is(err, store.ErrInvalid) || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
	if full, err := d.Fill(nil); err != nil || full.Config.Args[0] != "--key=" {
		t.Errorf("without a value: %v, %v", full.Config.Args, err)
	}
}

// TestHostileBundles opens archives that try to get out, to be large, or to be
// two things at once. None may leave anything.
func TestHostileBundles(t *testing.T) {
	t.Parallel()
	good := file{"manifest.json", `{"manifest_version":"0.3","name":"n","version":"1","server":{"type":"node","mcp_config":{"command":"node"}}}`, 0}
	cases := map[string][]file{
		"up":               {good, {"../evil", "x", 0}},
		"up inside":        {good, {"a/../../evil", "x", 0}},
		"absolute":         {good, {"/etc/evil", "x", 0}},
		"drive":            {good, {"C:/evil", "x", 0}},
		"backslash":        {good, {`..\evil`, "x", 0}},
		"stream":           {good, {"a:b", "x", 0}},
		"reserved":         {good, {"dir/NUL.txt", "x", 0}},
		"dot end":          {good, {"a./b", "x", 0}},
		"hidden letters":   {good, {"a\u202egpj", "x", 0}},
		"link":             {good, {"a", "/etc/passwd", fs.ModeSymlink | 0o777}, {"a/b", "x", 0}},
		"device":           {good, {"a", "", fs.ModeDevice | 0o666}},
		"pipe":             {good, {"a", "", fs.ModeNamedPipe | 0o666}},
		"setuid":           {good, {"a", "x", fs.ModeSetuid | 0o755}},
		"twice":            {good, {"a", "x", 0}, {"a", "y", 0}},
		"twice by case":    {good, {"a", "x", 0}, {"A", "y", 0}},
		"file and folder":  {good, {"a", "x", 0}, {"a/b", "y", 0}},
		"folder and file":  {good, {"a/b", "y", 0}, {"a", "x", 0}},
		"deep":             {good, {strings.Repeat("a/", 50) + "b", "x", 0}},
		"long":             {good, {strings.Repeat("a", 500), "x", 0}},
		"two manifests":    {good, good},
		"no manifest":      {{"a", "x", 0}},
		"manifest list":    {{"manifest.json", "[]", 0}},
		"manifest deep":    {{"manifest.json", strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), 0}},
		"manifest long":    {{"manifest.json", `{"a":"` + strings.Repeat("x", 600<<10) + `"}`, 0}},
		"key twice":        {{"manifest.json", strings.Replace(good.text, `"name"`, `"name":"safe","name"`, 1), 0}},
		"newer":            {{"manifest.json", strings.Replace(good.text, "0.3", "9.0", 1), 0}},
		"no version":       {{"manifest.json", strings.Replace(good.text, `"version":"1",`, "", 1), 0}},
		"odd kind":         {{"manifest.json", strings.Replace(good.text, `"node"`, `"cobol"`, 1), 0}},
		"no command":       {{"manifest.json", strings.Replace(good.text, `{"command":"node"}`, "{}", 1), 0}},
		"entry outside":    {{"manifest.json", strings.Replace(good.text, `"type"`, `"entry_point":"../../x","type"`, 1), 0}},
		"entry missing":    {{"manifest.json", strings.Replace(good.text, `"type"`, `"entry_point":"x.js","type"`, 1), 0}},
		"odd setting":      {{"manifest.json", strings.Replace(good.text, `"version"`, `"user_config":{"a":{"type":"eval"}},"version"`, 1), 0}},
		"settings alike":   {{"manifest.json", strings.Replace(good.text, `"version"`, `"user_config":{"a b":{"type":"string"},"a_b":{"type":"string"}},"version"`, 1), 0}},
		"another's secret": {{"manifest.json", strings.Replace(good.text, `"command":"node"`, `"command":"node","env":{"K":"${secret:provider/openai/key}"}`, 1), 0}},
		"unasked place":    {{"manifest.json", strings.Replace(good.text, `"command":"node"`, `"command":"node","args":["${user_config.none}"]`, 1), 0}},
		"other system":     {{"manifest.json", strings.Replace(good.text, `"version"`, `"compatibility":{"platforms":["darwin"]},"version"`, 1), 0}},
	}
	for name, files := range cases {
		home := t.TempDir()
		b, err := setup.OpenBundle(context.Background(), pack(t, files...))
		if err == nil {
			_, err = b.Draft(linux, home)
		}
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
			t.Errorf("%s left %v, %v", name, left, err)
		}
	}

	raw, err := os.ReadFile(pack(t, good, file{"big", strings.Repeat("0", 3<<20), 0}))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(b []byte) []byte{
		"no archive":    func([]byte) []byte { return []byte("hello") },
		"empty":         func([]byte) []byte { return nil },
		"cut":           func(b []byte) []byte { return b[:len(b)/2] },
		"many records":  func(b []byte) []byte { binary.LittleEndian.PutUint16(b[len(b)-12:], 0xFFFF); return b },
		"long list":     func(b []byte) []byte { return append(make([]byte, 13<<20), b...) },
		"100 MB":        func(b []byte) []byte { return append(make([]byte, 100<<20), b...) },
		"promises more": func(b []byte) []byte { return sized(t, b, 1<<40) },
	} {
		b := change(bytes.Clone(raw))
		if name == "long list" {
			binary.LittleEndian.PutUint32(b[len(b)-6:], 0) // the list is said to begin at the front
		}
		if _, err := setup.OpenBundle(context.Background(), put(t, b)); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// One that unpacks to more than it says is given up in the middle.
	home := t.TempDir()
	b, err := setup.OpenBundle(context.Background(), put(t, sized(t, raw, 1000)))
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.Draft(linux, home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Bundle.Install(context.Background()); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a bomb: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(home, "bundles")); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := setup.OpenBundle(ctx, put(t, raw)); !errors.Is(err, context.Canceled) {
		t.Errorf("it cannot be stopped: %v", err)
	}
}

// sized has the list of files say that the last one has that size.
func sized(t testing.TB, b []byte, n uint64) []byte {
	t.Helper()
	b = bytes.Clone(b)
	at := bytes.LastIndex(b, []byte("PK\x01\x02"))
	if at < 0 {
		t.Fatal("there is no list of files")
	}
	binary.LittleEndian.PutUint32(b[at+24:], uint32(min(n, 0xFFFFFFF0)))
	return b
}

func FuzzBundle(f *testing.F) {
	raw, err := os.ReadFile(pack(f, file{"manifest.json", manifest, 0}, file{"server/index.js", "code", 0}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, fmt.Sprint(os.Getpid())+".mcpb")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		opened, err := setup.OpenBundle(context.Background(), path)
		if err != nil {
			return
		}
		home := t.TempDir()
		d, err := opened.Draft(linux, home)
		if err != nil {
			return
		}
		if _, err := d.Bundle.Install(context.Background()); err != nil {
			return
		}
		if left, err := os.ReadDir(home); err != nil || len(left) != 1 || left[0].Name() != "bundles" {
			t.Errorf("it wrote %v, %v", left, err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(manifest))
	f.Add([]byte(`{"dxt_version":"0.1","name":"n","version":"1","server":{"type":"uv","entry_point":"manifest.json"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		opened, err := setup.OpenBundle(context.Background(), pack(t, file{"manifest.json", string(text), 0}))
		if err != nil {
			return
		}
		d, err := opened.Draft(linux, "/home/ana/drawbridge")
		if err != nil {
			return
		}
		values := map[string][]string{}
		for _, field := range d.Fields {
			values[field.Key] = []string{"1"}
		}
		full, err := d.Fill(values)
		if err != nil {
			return
		}
		if err := full.Config.Validate(); err != nil {
			t.Error(err)
		}
		for _, a := range slices.Concat(full.Config.Args, []string{full.Config.Command}) {
			if strings.Contains(a, "${ask:") {
				t.Errorf("a place is left in %q", a)
			}
		}
	})
}
