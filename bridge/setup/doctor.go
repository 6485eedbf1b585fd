package setup

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/drawbridge-app/drawbridge/store"
)

// Machine is what the doctor may ask of the system. Its methods may be called
// from any goroutine.
type Machine interface {
	// Find returns the full path of a program by its bare name, as the person's
	// shell would find it. The error is a sentence.
	Find(name string) (string, error)
	// Version runs the program at that path with one argument that asks for its
	// version, for a few seconds at most, and returns what it wrote.
	Version(ctx context.Context, path, argument string) (string, error)
}

// Check is what the doctor found of one program.
type Check struct {
	// Program is its bare name, or its path where the configuration has one.
	Program string
	// Path is what it resolves to; empty if it is missing.
	Path string
	// Version is what it calls itself; empty where it is not asked.
	Version string
	// Words say in a sentence what is the matter; empty if nothing is.
	Words string
	// Install is the command that installs it here; empty if none is known.
	// Nothing runs it but the person.
	Install string
}

// OK reports whether nothing is the matter.
func (c Check) OK() bool { return c.Words == "" }

// known are the programs that servers are made with: how they tell their
// version, and what else they need.
var known = map[string]struct {
	version string
	needs   []string
	pkg     string
}{
	"node":    {"--version", nil, "node"},
	"npm":     {"--version", []string{"node"}, "node"},
	"npx":     {"--version", []string{"node"}, "node"},
	"pnpm":    {"--version", []string{"node"}, "pnpm"},
	"pnpx":    {"--version", []string{"node"}, "pnpm"},
	"yarn":    {"--version", []string{"node"}, "yarn"},
	"bun":     {"--version", nil, "bun"},
	"bunx":    {"--version", nil, "bun"},
	"deno":    {"--version", nil, "deno"},
	"uv":      {"--version", nil, "uv"},
	"uvx":     {"--version", nil, "uv"},
	"python":  {"--version", nil, "python"},
	"python3": {"--version", nil, "python"},
	"pipx":    {"--version", []string{"python3"}, "pipx"},
	"docker":  {"--version", nil, "docker"},
	"podman":  {"--version", nil, "podman"},
	"go":      {"version", nil, "go"},
	"java":    {"-version", nil, "java"},
	"dotnet":  {"--version", nil, "dotnet"},
	"git":     {"--version", nil, "git"},
}

// installers are the package managers, in the order in which they are looked
// for, with what they call each package. An empty name is a package that they
// do not have.
var installers = []struct {
	goos, program, command string
	names                  map[string]string
}{
	{"darwin", "brew", "brew install ", map[string]string{"node": "node", "pnpm": "pnpm", "yarn": "yarn", "bun": "oven-sh/bun/bun", "deno": "deno", "uv": "uv", "python": "python", "pipx": "pipx", "docker": "--cask docker-desktop", "podman": "podman", "go": "go", "java": "openjdk", "dotnet": "dotnet", "git": "git"}},
	{"windows", "winget", "winget install ", map[string]string{"node": "OpenJS.NodeJS.LTS", "pnpm": "pnpm.pnpm", "yarn": "Yarn.Yarn", "bun": "Oven-sh.Bun", "deno": "DenoLand.Deno", "uv": "astral-sh.uv", "python": "Python.Python.3.13", "docker": "Docker.DockerDesktop", "podman": "RedHat.Podman", "go": "GoLang.Go", "java": "Microsoft.OpenJDK.21", "dotnet": "Microsoft.DotNet.SDK.9", "git": "Git.Git"}},
	{"linux", "apt-get", "sudo apt-get install ", map[string]string{"node": "nodejs npm", "yarn": "yarnpkg", "python": "python3", "pipx": "pipx", "docker": "docker.io", "podman": "podman", "go": "golang-go", "java": "default-jre", "git": "git"}},
	{"linux", "dnf", "sudo dnf install ", map[string]string{"node": "nodejs npm", "uv": "uv", "python": "python3", "pipx": "pipx", "docker": "moby-engine", "podman": "podman", "go": "golang", "java": "java-latest-openjdk", "git": "git"}},
	{"linux", "pacman", "sudo pacman -S ", map[string]string{"node": "nodejs npm", "pnpm": "pnpm", "yarn": "yarn", "bun": "bun", "deno": "deno", "uv": "uv", "python": "python", "pipx": "python-pipx", "docker": "docker", "podman": "podman", "go": "go", "java": "jre-openjdk", "dotnet": "dotnet-sdk", "git": "git"}},
	{"linux", "zypper", "sudo zypper install ", map[string]string{"node": "nodejs npm", "python": "python3", "pipx": "python3-pipx", "docker": "docker", "podman": "podman", "go": "go", "java": "java-21-openjdk", "git": "git"}},
	{"linux", "apk", "sudo apk add ", map[string]string{"node": "nodejs npm", "uv": "uv", "python": "python3", "pipx": "pipx", "docker": "docker", "podman": "podman", "go": "go", "git": "git"}},
	{"linux", "brew", "brew install ", map[string]string{"node": "node", "pnpm": "pnpm", "yarn": "yarn", "bun": "oven-sh/bun/bun", "deno": "deno", "uv": "uv", "python": "python", "pipx": "pipx", "go": "go", "java": "openjdk", "git": "git"}},
}

// scripts are what the makers offer where no package manager has it.
var scripts = map[string]map[bool]string{ // by whether the system is Windows
	"uv":   {false: "curl -LsSf https://astral.sh/uv/install.sh | sh", true: `powershell -c "irm https://astral.sh/uv/install.ps1 | iex"`},
	"bun":  {false: "curl -fsSL https://bun.sh/install | bash", true: `powershell -c "irm bun.sh/install.ps1 | iex"`},
	"deno": {false: "curl -fsSL https://deno.land/install.sh | sh", true: `powershell -c "irm https://deno.land/install.ps1 | iex"`},
	"pnpm": {false: "npm install -g pnpm", true: "npm install -g pnpm"},
	"yarn": {false: "npm install -g yarn", true: "npm install -g yarn"},
}

// install returns the command that installs a package here, or "".
func install(pkg, goos string, m Machine) string {
	for _, i := range installers {
		name := i.names[pkg]
		if i.goos != goos || name == "" {
			continue
		}
		if _, err := m.Find(i.program); err == nil {
			return i.command + name
		}
	}
	return scripts[pkg][goos == "windows"]
}

// Needs returns the programs that a server is started with, first the one of
// its command. A program of the server's own, which is a path or unknown here,
// is among them by its name alone: nothing runs it.
func Needs(c store.ServerConfig) []string {
	if c.Transport != store.TransportStdio {
		return nil
	}
	out := []string{c.Command}
	name := bare(c.Command)
	if name == "env" || name == "cmd" { // env NAME=VALUE program …
		for _, a := range c.Args {
			if strings.HasPrefix(a, "-") || strings.HasPrefix(a, "/") || strings.Contains(a, "=") {
				continue
			}
			out = append(out, a)
			name = bare(a)
			break
		}
	}
	for _, n := range known[name].needs {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// bare is the name of a program without its folder and ending.
func bare(command string) string {
	name := strings.ToLower(path.Base(strings.ReplaceAll(command, `\`, "/")))
	for _, end := range []string{".exe", ".cmd", ".bat"} {
		name = strings.TrimSuffix(name, end)
	}
	return name
}

// Examine looks for the programs that a server needs. Only well-known ones, and
// only where the person's own shell finds them, are run, with the one argument
// that asks for their version; never what the configuration names by a path or
// brings into reach by a PATH of its own. resolved is what the command would
// start, or the sentence why it would not.
func Examine(ctx context.Context, c store.ServerConfig, goos string, m Machine, resolved string, unresolved error) []Check {
	names := Needs(c)
	out := make([]Check, len(names))
	var wait sync.WaitGroup
	for i, name := range names {
		wait.Go(func() {
			out[i] = examine(ctx, name, goos, m)
			if i > 0 {
				return
			}
			switch {
			case unresolved != nil:
				out[i].Path, out[i].Version = "", ""
				out[i].Words = readable(unresolved)
				if _, ok := known[bare(name)]; !ok {
					out[i].Install = ""
				}
			default:
				if resolved != out[i].Path {
					out[i].Version = ""
				}
				out[i].Path, out[i].Words = resolved, ""
				out[i].Install = ""
			}
		})
	}
	wait.Wait()
	return out
}

func examine(ctx context.Context, name, goos string, m Machine) Check {
	c := Check{Program: name}
	k, ok := known[name]
	if !ok {
		c.Words = fmt.Sprintf("%q is no program that is known here.", cutName(name))
		return c
	}
	p, err := m.Find(name)
	if err != nil {
		c.Words, c.Install = readable(err), install(k.pkg, goos, m)
		return c
	}
	c.Path = p
	text, err := m.Version(ctx, p, k.version)
	if err != nil {
		c.Words = fmt.Sprintf("%s is there, but does not say its version: %v.", name, err)
		return c
	}
	c.Version = versionIn(text)
	if name == "node" && older(c.Version, 18) {
		c.Words, c.Install = fmt.Sprintf("Node.js %s is older than 18, with which most servers do not start.", c.Version), install("node", goos, m)
	}
	return c
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+){1,3}[A-Za-z0-9.+-]{0,20}`)

// versionIn finds the number in what a program says of itself.
func versionIn(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return versionNumber.FindString(line[:min(len(line), 500)])
}

// older reports whether the first number of a version is smaller.
func older(version string, than int) bool {
	n := 0
	for i := 0; i < len(version) && version[i] >= '0' && version[i] <= '9' && n < 1000; i++ {
		n = n*10 + int(version[i]-'0')
	}
	return n > 0 && n < than
}
