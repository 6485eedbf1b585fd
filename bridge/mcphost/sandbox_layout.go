package mcphost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/drawbridge-app/drawbridge/bridge/mcphost/internal/sandbox"
	"github.com/drawbridge-app/drawbridge/store"
)

// secretPlaces are what people keep secrets in, below their home. Nothing that
// contains one is given to a sandboxed server; one itself only by its own name.
var secretPlaces = []string{
	".ssh", ".gnupg", ".pki", ".password-store", ".netrc", ".git-credentials", ".config/git/credentials",
	".aws", ".azure", ".kube", ".docker", ".config/gcloud", ".config/gh", ".config/hub", ".config/op", ".terraform.d", ".vault-token",
	".npmrc", ".yarnrc.yml", ".pypirc", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml", ".pgpass", ".my.cnf",
	".local/share/keyrings", ".local/share/kwalletd", ".config/kwalletrc",
	".mozilla", ".thunderbird", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware", ".config/microsoft-edge", ".config/vivaldi", ".config/opera",
	"snap/firefox", "snap/chromium", "snap/thunderbird", ".var/app", ".config/Signal", ".config/1Password", ".config/Bitwarden", ".config/KeePassXC",
	".bash_history", ".zsh_history", ".local/share/fish/fish_history", ".bitcoin", ".electrum",
	"Library/Keychains", "Library/Cookies", "Library/Safari", "Library/Mail", "Library/Messages",
	"Library/Application Support/Google", "Library/Application Support/Firefox", "Library/Application Support/BraveSoftware",
	"Library/Application Support/Microsoft Edge", "Library/Application Support/1Password",
}

// runtimes are where version managers and runtimes keep programs, below the
// home, and the variables by which these are found from another home.
var runtimes = []struct{ path, variable string }{
	{".nvm", "NVM_DIR"}, {".volta", "VOLTA_HOME"}, {".asdf", "ASDF_DATA_DIR"}, {".local/share/mise", "MISE_DATA_DIR"},
	{".config/mise/config.toml", "MISE_GLOBAL_CONFIG_FILE"}, {".tool-versions", "ASDF_DEFAULT_TOOL_VERSIONS_FILENAME"},
	{".local/share/fnm", ""}, {".fnm", ""}, {".pyenv", "PYENV_ROOT"}, {".rbenv", "RBENV_ROOT"},
	{".local/share/uv/python", "UV_PYTHON_INSTALL_DIR"}, {".local/share/uv/tools", ""}, {".local/share/pipx", ""}, {".local/lib", ""},
	{".local/share/pnpm", ""}, {".bun", ""}, {".rustup", "RUSTUP_HOME"}, {"go/bin", ""},
	{".cache/ms-playwright", "PLAYWRIGHT_BROWSERS_PATH"}, {".cache/puppeteer", "PUPPETEER_CACHE_DIR"},
}

// layout collects what a sandboxed server may see.
type layout struct {
	access   sandbox.Access
	home     string
	secrets  []string
	private  []string // of this program; under no name
	programs string   // below private, and may be read
}

func newLayout(home string, private []string, programs string) *layout {
	l := &layout{home: real(home), programs: real(programs), access: sandbox.Access{Read: sandbox.System()}}
	for _, p := range private {
		if p != "" {
			l.private = append(l.private, real(p))
		}
	}
	if l.home != "" {
		for _, p := range secretPlaces {
			l.secrets = append(l.secrets, real(filepath.Join(l.home, p)))
		}
	}
	return l
}

// real returns a path without symbolic links, as far as it exists.
func real(path string) string {
	if path == "" {
		return ""
	}
	path = filepath.Clean(path)
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(real(parent), filepath.Base(path))
	}
	return path
}

// under reports whether a path is a folder or inside it.
func under(path, folder string) bool {
	if folder == "" {
		return false
	}
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// keeps says what a path contains that no sandboxed server may see; empty if
// nothing. A path that names a secret place itself contains nothing else.
func (l *layout) keeps(path string) string {
	switch {
	case path == string(filepath.Separator) || filepath.Dir(path) == path:
		return "everything"
	case l.home != "" && under(l.home, path):
		return "your home"
	}
	for _, p := range l.private {
		if under(p, path) || under(path, p) && !under(path, l.programs) {
			return "what Drawbridge keeps"
		}
	}
	for _, p := range l.secrets {
		if p != path && under(p, path) {
			if rel, err := filepath.Rel(l.home, p); err == nil {
				return "~/" + filepath.ToSlash(rel)
			}
			return p
		}
	}
	return ""
}

// plain reports whether a path has no secrets around it either.
func (l *layout) plain(path string) bool {
	return path != "" && l.keeps(path) == "" && !slices.ContainsFunc(l.secrets, func(s string) bool { return under(path, s) })
}

func (l *layout) own(folder string) {
	l.access.Write = append(l.access.Write, filepath.Join(folder, "home"))
}

// work grants the working folder, and returns it without links. What was
// unpacked is not for the server to change.
func (l *layout) work(dir string) (string, error) {
	path := real(dir)
	if l.programs != "" && under(path, l.programs) && path != l.programs {
		l.access.Read = append(l.access.Read, path)
		return path, nil
	}
	return path, l.grant(dir, true, true)
}

// grant permits a path that a person named. Errors are sentences.
func (l *layout) grant(typed string, write, mustExist bool) error {
	typed = filepath.Clean(typed)
	path, err := filepath.EvalSymlinks(typed)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !mustExist:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return sentence(fmt.Sprintf("The folder %s, which its sandbox permits, does not exist. Make it, or take it off the list.", typed), store.ErrNotFound)
	case err != nil:
		return sentence(fmt.Sprintf("The folder %s, which its sandbox permits, cannot be used: %s.", typed, reason(err)), err)
	}
	// What lies inside a folder that the server may change is covered, and a link
	// there may be the server's own.
	if slices.ContainsFunc(l.access.Write, func(f string) bool { return under(real(filepath.Dir(typed)), f) }) {
		return nil
	}
	if what := l.keeps(path); what != "" {
		return sentence(fmt.Sprintf("The folder %s contains %s, which no server sees inside a sandbox. Choose folders that do not, or turn the sandbox off.", typed, what), store.ErrInvalid)
	}
	if path != typed && !l.plain(path) {
		return sentence(fmt.Sprintf("%s is a link to %s, where secrets are kept. Name that folder itself if the server is to see it.", typed, path), store.ErrInvalid)
	}
	if write {
		l.access.Write = append(l.access.Write, path)
	} else {
		l.access.Read = append(l.access.Read, path)
	}
	l.name(typed, path)
	return nil
}

// name keeps a path usable under the name that was typed.
func (l *layout) name(typed, path string) {
	if typed != path {
		l.access.Links = append(l.access.Links, sandbox.Link{Name: typed, Target: path})
	}
}

// read permits a path that nobody named but that the program needs, unless
// secrets are around.
func (l *layout) read(path string) bool {
	path = real(path)
	if _, err := os.Stat(path); err != nil || !l.plain(path) {
		return false
	}
	l.access.Read = append(l.access.Read, path)
	return true
}

// runtime permits what the program is made of: where it lies, where it points
// to, the folders of its PATH, files that its arguments name, and what version
// managers keep.
func (l *layout) runtime(spec *processSpec, c store.ServerConfig) {
	typed := spec.path
	spec.path = filepath.Join(real(filepath.Dir(spec.path)), filepath.Base(spec.path))
	l.name(filepath.Dir(typed), filepath.Dir(spec.path))
	for _, p := range []string{spec.path, real(spec.path)} {
		l.around(p)
	}
	for _, a := range spec.args[1:] {
		if _, value, ok := strings.Cut(a, "="); ok && strings.HasPrefix(a, "-") {
			a = value
		}
		if info, err := os.Stat(a); filepath.IsAbs(a) && err == nil && info.Mode().IsRegular() {
			l.around(real(a))
			l.name(filepath.Clean(a), real(a))
		}
	}
	for _, name := range append([]string{"REQUESTS_CA_BUNDLE"}, trust...) {
		if p := environ(spec.env, name); filepath.IsAbs(p) {
			l.certificates(p)
		}
	}
	for _, r := range runtimes {
		if l.home != "" {
			l.read(filepath.Join(l.home, r.path))
		}
	}
	for _, dir := range filepath.SplitList(environ(spec.env, "PATH")) {
		if dir = real(dir); filepath.Base(dir) != "bin" || !l.read(filepath.Dir(dir)) {
			l.read(dir)
		}
	}
}

// certificates permits a file with certificates, which may be one that this
// program wrote.
func (l *layout) certificates(path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		l.access.Read = append(l.access.Read, real(path))
		l.name(filepath.Clean(path), real(path))
	} else if err == nil {
		l.read(path)
	}
}

// markers are in the folder of a program that has its parts around it.
var markers = []string{"package.json", "pyproject.toml", "pyvenv.cfg", "manifest.json", "node_modules"}

// around permits a file with what belongs to it: the folder above that says it
// is a program's, or that of a bin folder, or else its own.
func (l *layout) around(file string) {
	dir := filepath.Dir(file)
	for up := dir; l.plain(up) && !shared(up); up = filepath.Dir(up) {
		if slices.ContainsFunc(markers, func(name string) bool {
			_, err := os.Stat(filepath.Join(up, name))
			return err == nil
		}) {
			l.read(up)
			// Packages of npm lie beside those that they need.
			if i := strings.LastIndex(up, string(filepath.Separator)+"node_modules"); i > 0 {
				l.read(up[:i] + string(filepath.Separator) + "node_modules")
			}
			return
		}
	}
	if filepath.Base(dir) == "bin" && l.read(filepath.Dir(dir)) || !shared(dir) && l.read(dir) {
		return
	}
	if _, err := os.Stat(file); err == nil && l.plain(file) {
		l.access.Read = append(l.access.Read, file)
	}
}

// shared reports whether everybody may write in a folder, as in the system's
// temporary one.
func shared(dir string) bool {
	info, err := os.Stat(dir)
	return err != nil || !windows && info.Mode().Perm()&0o002 != 0
}

// environ sets the variables by which the program finds its home and runtimes.
// What the person configured stays.
func (l *layout) environ(env []string, c store.ServerConfig, folder string) []string {
	set := func(name, value string) {
		if _, configured := c.Env[name]; !configured {
			env = setenv(env, name, value)
		}
	}
	set("HOME", filepath.Join(folder, "home"))
	for _, r := range runtimes {
		if p := filepath.Join(l.home, r.path); l.home != "" && r.variable != "" && exists(p) {
			set(r.variable, p)
		}
	}
	var path []string
	for _, dir := range filepath.SplitList(environ(env, "PATH")) {
		if dir = real(dir); exists(dir) && !slices.Contains(path, dir) {
			path = append(path, dir)
		}
	}
	return setenv(env, "PATH", strings.Join(path, string(os.PathListSeparator)))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
