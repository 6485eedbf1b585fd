package mcphost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/drawbridge-app/drawbridge/store"
)

// searchPath finds the PATH that a person's shell has. An app that was started
// from a desktop has a shorter one, in which npx and the like are missing. It
// is found once, at first need.
type searchPath struct {
	environ func() []string
	once    sync.Once
	dirs    []string
	login   []string // the environment of the login shell, if it told
}

func newSearchPath(environ func() []string) *searchPath { return &searchPath{environ: environ} }

// list returns the folders: those of the login shell, then those of this
// program, which were more if it was started from a terminal, then the
// well-known places. The first call may take as long as the shell, at most
// loginLimit.
func (p *searchPath) list() []string {
	p.once.Do(func() {
		env := p.environ()
		home := homeOf(env)
		p.login = loginEnviron(env)
		login, own := filepath.SplitList(environ(p.login, "PATH")), filepath.SplitList(environ(env, "PATH"))
		for _, dir := range slices.Concat(login, own, wellKnown(home)) {
			dir = expandHome(dir, home)
			if filepath.IsAbs(dir) && !slices.Contains(p.dirs, dir) {
				p.dirs = append(p.dirs, dir)
			}
		}
	})
	return p.dirs
}

// variable returns a variable of the person's environment: of this program's,
// or else of the login shell's, which an app that was started from a desktop
// does not have. Our own variables are nobody's.
func (p *searchPath) variable(name string) (string, bool) {
	if strings.HasPrefix(strings.ToUpper(name), "DRAWBRIDGE_") {
		return "", false
	}
	if v := environ(p.environ(), name); v != "" {
		return v, true
	}
	p.list()
	v := environ(p.login, name)
	return v, v != ""
}

// join returns folders as the variable PATH holds them.
func (p *searchPath) join(dirs []string) string {
	return strings.Join(dirs, string(os.PathListSeparator))
}

// wellKnown returns the folders that exist of those where version managers and
// package managers put programs.
func wellKnown(home string) []string {
	var out []string
	add := func(patterns ...string) {
		for _, pattern := range patterns {
			found, err := filepath.Glob(pattern)
			if err != nil {
				continue
			}
			slices.SortFunc(found, func(a, b string) int { return compareVersions(b, a) })
			for _, dir := range found {
				if info, err := os.Stat(dir); err == nil && info.IsDir() {
					out = append(out, dir)
				}
			}
		}
	}
	if windows {
		return nil
	}
	if home != "" && !strings.ContainsAny(home, `*?[\`) {
		in := func(p string) string { return filepath.Join(home, p) }
		add(in(".local/bin"), in("bin"), in(".volta/bin"), in(".asdf/shims"), in(".local/share/mise/shims"),
			in(".nvm/versions/node/*/bin"), in(".local/share/fnm/node-versions/*/installation/bin"),
			in(".fnm/node-versions/*/installation/bin"), in("Library/Application Support/fnm/node-versions/*/installation/bin"),
			in(".pyenv/shims"), in(".cargo/bin"), in(".bun/bin"), in(".deno/bin"), in("go/bin"))
	}
	add("/opt/homebrew/bin", "/home/linuxbrew/.linuxbrew/bin", "/usr/local/bin", "/usr/bin", "/bin", "/snap/bin")
	return out
}

// compareVersions compares texts with the numbers in them taken as numbers.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		na, ra := number(a)
		nb, rb := number(b)
		if na != "" && nb != "" {
			if len(na) != len(nb) {
				return len(na) - len(nb)
			}
			if c := strings.Compare(na, nb); c != 0 {
				return c
			}
			a, b = ra, rb
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// number splits leading digits off, without leading zeros.
func number(s string) (digits, rest string) {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	digits = strings.TrimLeft(s[:n], "0")
	if n > 0 && digits == "" {
		digits = "0"
	}
	return digits, s[n:]
}

// find returns the full path of a program: the command itself if it is a path,
// else what the folders have of that name. The error is a sentence.
func find(command, dir, home string, path []string) (string, error) {
	if command = expandHome(command, home); strings.ContainsRune(command, '/') || windows && strings.ContainsRune(command, '\\') {
		if !filepath.IsAbs(command) {
			command = filepath.Join(dir, command)
		}
		found, err := executable(command)
		if err == nil {
			return found, nil
		}
		return "", sentence(fmt.Sprintf("The program %s cannot be started: %s.", command, why(err)), store.ErrNotFound)
	}
	var denied error
	for _, folder := range path {
		found, err := executable(filepath.Join(folder, command))
		if err == nil {
			return found, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && denied == nil {
			denied = err
		}
	}
	if denied != nil {
		return "", sentence(fmt.Sprintf("The program %q cannot be started: %s.", command, why(denied)), store.ErrNotFound)
	}
	return "", sentence(fmt.Sprintf("The program %q was not found. %s", command, provider(command)), store.ErrNotFound)
}

// provider says what usually brings a program.
func provider(command string) string {
	name := strings.TrimSuffix(strings.ToLower(command), ".exe")
	switch name {
	case "npx", "npm", "node":
		return "It comes with Node.js; install that, then start the server again."
	case "uvx", "uv":
		return "It comes with uv, the package manager for Python; install that, then start the server again."
	case "docker":
		return "It comes with Docker; install Docker Desktop or Docker Engine, then start the server again."
	case "python", "python3", "pip", "pipx":
		return "It comes with Python; install that, or write python3 where the command says python."
	case "bun", "bunx":
		return "It comes with Bun; install that, then start the server again."
	case "deno":
		return "It comes with Deno; install that, then start the server again."
	}
	return "Install it, or write its full path as the command."
}

func why(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, errIsDir):
		return "it is a folder"
	case errors.Is(err, fs.ErrPermission):
		return "it is not executable"
	}
	return err.Error()
}

var errIsDir = errors.New("is a folder")

// executable returns the path if a program is there, on Windows with the ending
// that it has.
func executable(p string) (string, error) {
	candidates := []string{p}
	if windows && filepath.Ext(p) == "" {
		candidates = []string{p + ".exe", p + ".com", p + ".cmd", p + ".bat"}
	}
	var last error
	for _, c := range candidates {
		info, err := os.Stat(c)
		switch {
		case err != nil:
			last = err
		case info.IsDir():
			last = errIsDir
		case !windows && info.Mode()&0o111 == 0:
			last = fs.ErrPermission
		default:
			return c, nil
		}
	}
	return "", last
}
