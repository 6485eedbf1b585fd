package setup

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/store"
)

// Bundle is an MCP bundle (.mcpb, or .dxt as it was called first): a server
// with its files in an archive, described by its manifest.json.
type Bundle struct {
	// Path is the archive, and Hash the SHA-256 of it in hex as it was looked
	// at.
	Path, Hash string
	// Dir is where Install unpacks it. Its name has the hash in it, so that an
	// approval of a command there is one of exactly these files.
	Dir string
	// Files and Bytes are what it unpacks to.
	Files int
	Bytes int64

	Name, Title, Version, Author, Description string

	manifest manifest
	inside   map[string]bool // names of its files
}

// manifest is manifest.json, versions 0.1 to 0.4 of its specification.
type manifest struct {
	ManifestVersion string          `json:"manifest_version"`
	DXTVersion      string          `json:"dxt_version"`
	Name            string          `json:"name"`
	DisplayName     string          `json:"display_name"`
	Version         string          `json:"version"`
	Description     string          `json:"description"`
	Author          json.RawMessage `json:"author"`
	Server          struct {
		Type       string     `json:"type"`
		EntryPoint string     `json:"entry_point"`
		Config     *mcpConfig `json:"mcp_config"`
	} `json:"server"`
	UserConfig    json.RawMessage `json:"user_config"`
	Compatibility struct {
		Platforms []string          `json:"platforms"`
		Runtimes  map[string]string `json:"runtimes"`
	} `json:"compatibility"`
}

type mcpConfig struct {
	Command   string               `json:"command"`
	Args      []string             `json:"args"`
	Env       map[string]string    `json:"env"`
	Overrides map[string]mcpConfig `json:"platform_overrides"`
}

// userSetting is one entry of user_config.
type userSetting struct {
	Type        string          `json:"type"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Required    bool            `json:"required"`
	Default     json.RawMessage `json:"default"`
	Multiple    bool            `json:"multiple"`
	Sensitive   bool            `json:"sensitive"`
	Min         *float64        `json:"min"`
	Max         *float64        `json:"max"`
}

// manifestVersions are those that are understood.
var manifestVersions = []string{"0.1", "0.2", "0.3", "0.4"}

func badBundle(format string, a ...any) error {
	return fmt.Errorf("the bundle cannot be used: %s (%w)", fmt.Sprintf(format, a...), store.ErrInvalid)
}

// parseManifest reads and checks a manifest by itself.
func parseManifest(text []byte) (manifest, error) {
	var m manifest
	if err := shallow(text); err != nil || !json.Valid(text) {
		return m, badBundle("its manifest.json is no JSON")
	}
	if root, err := membersOf(text); err != nil || root.twice() != "" {
		return m, badBundle("its manifest.json is no object, or has a key twice")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, badBundle("its manifest.json has a value of the wrong kind (%s)", oneLine(err.Error()))
	}
	version := cmp.Or(m.ManifestVersion, m.DXTVersion)
	parts := strings.SplitN(version, ".", 3)
	if version == "" || len(parts) < 2 || !slices.Contains(manifestVersions, parts[0]+"."+parts[1]) {
		return m, badBundle("its manifest is of version %.20q, and versions 0.1 to 0.4 are known here; look for a newer Drawbridge, or an older bundle", version)
	}
	if clean, _ := cleanName(m.Name); clean == "" {
		return m, badBundle("its manifest has no name")
	}
	if m.Version == "" {
		return m, badBundle("its manifest has no version")
	}
	switch m.Server.Type {
	case "node", "python", "binary":
		if m.Server.Config == nil || m.Server.Config.Command == "" && len(m.Server.Config.Overrides) == 0 {
			return m, badBundle("its manifest does not say which command starts it")
		}
	case "uv":
		if m.Server.EntryPoint == "" {
			return m, badBundle("its manifest does not say which file starts it")
		}
	default:
		return m, badBundle("its server is of the kind %.40q, and node, python, binary and uv are known here", m.Server.Type)
	}
	if p := m.Server.EntryPoint; p != "" && !localName(p) {
		return m, badBundle("the file that starts it lies outside of it (%.200q)", p)
	}
	return m, nil
}

// localName reports whether a name in an archive stays inside it, on every
// system.
func localName(name string) bool {
	if name == "" || strings.ContainsAny(name, "\\\x00:") || strings.HasPrefix(name, "/") || !filepath.IsLocal(filepath.FromSlash(strings.TrimSuffix(name, "/"))) {
		return false
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/"), "/") {
		base, _, _ := strings.Cut(strings.ToUpper(part), ".")
		switch {
		case part == "" || part == "." || part == ".." || hidden(part) || strings.HasSuffix(part, " ") || strings.HasSuffix(part, "."):
			return false
		case slices.Contains([]string{"CON", "PRN", "AUX", "NUL"}, base),
			len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9':
			return false
		}
	}
	return true
}

// author is a text, or an object with a name.
func (m manifest) author() string {
	var s string
	if json.Unmarshal(m.Author, &s) == nil {
		return s
	}
	var o struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(m.Author, &o) == nil {
		return o.Name
	}
	return ""
}

// platform is how manifests call an operating system.
func platform(goos string) string {
	if goos == "windows" {
		return "win32"
	}
	return goos
}

// Draft returns the server that the bundle describes, with what it asks for as
// Fields. home is Drawbridge's folder. The error wraps store.ErrInvalid.
func (b *Bundle) Draft(p Places, home string) (Draft, error) {
	m := b.manifest
	here := platform(p.GOOS)
	if list := m.Compatibility.Platforms; len(list) > 0 && !slices.Contains(list, here) {
		return Draft{}, badBundle("it is made for %s, and this is %s", strings.Join(list, ", "), here)
	}
	bundle := *b
	bundle.Dir = filepath.Join(home, "bundles", folderName(m.Name)+"-"+b.Hash[:16])
	name, odd := cleanName(m.Name)
	d := Draft{Config: store.ServerConfig{ID: name, Name: name, Transport: store.TransportStdio}, Bundle: &bundle}
	if odd {
		d.Warnings = append(d.Warnings, "Its name has characters that cannot be seen or that change how text reads; they were left out.")
	}
	config := mcpConfig{}
	if m.Server.Config != nil {
		config = *m.Server.Config
		if o, ok := config.Overrides[here]; ok {
			config.Command = cmp.Or(o.Command, config.Command)
			if o.Args != nil {
				config.Args = o.Args
			}
			config.Env = maps.Clone(config.Env)
			for k, v := range o.Env {
				if config.Env == nil {
					config.Env = map[string]string{}
				}
				config.Env[k] = v
			}
		}
	}
	if config.Command == "" && m.Server.Type == "uv" {
		config.Command, config.Args = "uv", []string{"run", "--directory", "${__dirname}", "${__dirname}/" + m.Server.EntryPoint}
	}
	if config.Command == "" {
		return Draft{}, badBundle("its manifest does not say which command starts it on %s", here)
	}
	fields, err := m.fields(p)
	if err != nil {
		return Draft{}, err
	}
	d.Fields = fields
	put := func(s string) string { return b.put(s, bundle.Dir, p) }
	c := &d.Config
	c.Command = put(config.Command)
	if inside := strings.TrimPrefix(path.Clean(filepath.ToSlash(config.Command)), "./"); b.inside[inside] || b.inside[inside+".exe"] {
		c.Command = filepath.Join(bundle.Dir, filepath.FromSlash(inside)) // a program that it brings along
	}
	for _, a := range config.Args {
		c.Args = append(c.Args, put(a))
	}
	for k, v := range config.Env {
		set(&c.Env, k, store.Value(put(v)))
	}
	for _, v := range c.Env {
		if v.Secret() {
			return Draft{}, badBundle("it refers to a secret by name")
		}
	}
	d.about()
	d.dropLoaders()
	d.makeLikelySecrets()
	d.warn()
	if err := checkMarks(*c, d.Fields); err != nil {
		return Draft{}, err
	}
	if err := d.Validate(); err != nil {
		return Draft{}, err
	}
	return d, nil
}

// about says what the manifest tells of itself.
func (d *Draft) about() {
	b := d.Bundle
	what := fmt.Sprintf("Bundle %s, version %s", oneLine(b.Title), oneLine(b.Version))
	if b.Author != "" {
		what += ", by " + oneLine(b.Author)
	}
	d.Notes = append(d.Notes, what+". Nobody has checked that this is true.")
	if b.Description != "" {
		d.Notes = append(d.Notes, oneLine(b.Description))
	}
	d.Notes = append(d.Notes, fmt.Sprintf("%d files (%s) are unpacked into Drawbridge's own folder, and removed with the server.", b.Files, size(b.Bytes)))
	for _, r := range slices.Sorted(maps.Keys(b.manifest.Compatibility.Runtimes)) {
		d.Notes = append(d.Notes, fmt.Sprintf("It needs %s %s.", oneLine(r), oneLine(b.manifest.Compatibility.Runtimes[r])))
	}
}

func size(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d kB", (n+1023)>>10)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
}

// folderName makes a name of a folder that every system takes.
func folderName(name string) string {
	name = strings.Trim(notKey.ReplaceAllString(name, "-"), "-.")
	if len(name) > 40 {
		name = name[:40]
	}
	return cmp.Or(strings.ToLower(name), "bundle")
}

// put replaces the variables of the specification.
func (b *Bundle) put(s, dir string, p Places) string {
	return braced.ReplaceAllStringFunc(s, func(all string) string {
		inner := all[2 : len(all)-1]
		if key, ok := strings.CutPrefix(inner, "user_config."); ok {
			return Field{Key: fieldKey(key)}.hole()
		}
		switch inner {
		case "__dirname":
			return dir
		case "HOME":
			return p.Home
		case "DESKTOP":
			return filepath.Join(p.Home, "Desktop")
		case "DOCUMENTS":
			return filepath.Join(p.Home, "Documents")
		case "DOWNLOADS":
			return filepath.Join(p.Home, "Downloads")
		case "pathSeparator", "/":
			return string(filepath.Separator)
		}
		return all
	})
}

// fields turns user_config into what is asked, in the order of the manifest.
func (m manifest) fields(p Places) ([]Field, error) {
	if len(m.UserConfig) == 0 || string(m.UserConfig) == "null" {
		return nil, nil
	}
	list, err := membersOf(m.UserConfig)
	if err != nil {
		return nil, badBundle("its user_config is no object")
	}
	if len(list) > 200 {
		return nil, badBundle("it asks for %d settings", len(list))
	}
	var out []Field
	seen := map[string]bool{}
	for _, e := range list {
		var u userSetting
		if err := json.Unmarshal(e.value, &u); err != nil {
			return nil, badBundle("its setting %.60q has a value of the wrong kind", e.key)
		}
		f := Field{Key: fieldKey(e.key), Title: cmp.Or(oneLine(u.Title), e.key), Description: oneLine(u.Description),
			Required: u.Required, Secret: u.Sensitive, Multiple: u.Multiple, Min: u.Min, Max: u.Max}
		if seen[f.Key] {
			return nil, badBundle("it asks for %.60q twice", e.key)
		}
		seen[f.Key] = true
		switch u.Type {
		case "string":
		case "number":
			f.Kind = KindNumber
		case "boolean":
			f.Kind = KindSwitch
		case "directory":
			f.Kind = KindFolder
		case "file":
			f.Kind = KindFile
		default:
			return nil, badBundle("its setting %.60q is of the kind %.40q, which is not known", e.key, u.Type)
		}
		for _, v := range defaults(u.Default) {
			f.Default = append(f.Default, (*Bundle)(nil).put(v, "", p))
		}
		if len(f.Default) > 1 && !f.Multiple {
			return nil, badBundle("its setting %.60q has several defaults", e.key)
		}
		if f.Kind == KindSwitch && len(f.Default) == 0 && f.Required {
			f.Default = []string{"false"}
		}
		out = append(out, f)
	}
	return out, nil
}

// defaults reads a default: one value, or a list of them.
func defaults(raw json.RawMessage) []string {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var one scalar
	if json.Unmarshal(raw, &one) == nil {
		return oneDefault(string(one))
	}
	var list []scalar
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []string
	for _, s := range list[:min(len(list), 100)] {
		out = append(out, string(s))
	}
	return out
}
