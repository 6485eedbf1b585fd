package setup

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/drawbridge-app/drawbridge/store"
)

// loaders are variables that have a program load or run something else before
// it does what its command says. An import takes none of them over.
var loaders = []string{"NODE_OPTIONS", "BASH_ENV", "ENV", "PERL5OPT", "PERL5LIB", "RUBYOPT", "RUBYLIB", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT",
	"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "ELECTRON_RUN_AS_NODE", "PROMPT_COMMAND", "IFS", "SHELLOPTS", "BASHOPTS"}

func isLoader(name string) bool {
	up := strings.ToUpper(name)
	return strings.HasPrefix(up, "LD_") || strings.HasPrefix(up, "DYLD_") || strings.HasPrefix(up, "BASH_FUNC_") || slices.Contains(loaders, up)
}

// dropLoaders leaves out variables that would have the command run something
// else than it says.
func (d *Draft) dropLoaders() {
	for _, name := range slices.Sorted(maps.Keys(d.Config.Env)) {
		if !isLoader(name) {
			continue
		}
		delete(d.Config.Env, name)
		d.Warnings = append(d.Warnings, fmt.Sprintf("The variable %s was left out: it makes a program load or run something else first. If you know that you need it, add it yourself.", name))
	}
}

// searched are variables that decide which programs, or parts of them, are found.
// Servers need them at times, and so they are kept.
var searched = []string{"PATH", "PYTHONPATH", "NODE_PATH", "CLASSPATH"}

// interpreters run what an argument says.
var interpreters = map[string][]string{
	"sh": {"-c"}, "bash": {"-c"}, "zsh": {"-c"}, "dash": {"-c"}, "ksh": {"-c"}, "fish": {"-c", "--command"},
	"cmd": {"/c", "/k"}, "powershell": {"-c", "-command", "-e", "-ec", "-enc", "-encodedcommand"}, "pwsh": {"-c", "-command", "-e", "-ec", "-enc", "-encodedcommand"},
	"python": {"-c"}, "python3": {"-c"}, "node": {"-e", "--eval", "-p", "--print", "-r", "--require", "--import"}, "bun": {"-e", "--eval"}, "deno": {"eval"},
	"perl": {"-e"}, "ruby": {"-e"}, "php": {"-r"}, "osascript": {"-e"}, "lua": {"-e"}, "busybox": {"sh"}, "wscript": {}, "mshta": {},
}

// wrappers run another program that their arguments name.
var wrappers = []string{"env", "sudo", "doas", "nohup", "xargs", "ssh", "eval", "exec", "su", "pkexec", "setsid", "timeout", "nice", "stdbuf", "start"}

// warn looks for what a person should know before they agree.
func (d *Draft) warn() {
	c := d.Config
	add := func(format string, a ...any) { d.Warnings = append(d.Warnings, fmt.Sprintf(format, a...)) }
	texts := append([]string{c.Command, c.URL, c.Dir}, c.Args...)
	for _, m := range []map[string]store.Value{c.Env, c.Headers} {
		for k, v := range m {
			texts = append(texts, k, string(v))
		}
	}
	if slices.ContainsFunc(texts, hidden) {
		add("It has characters that cannot be seen or that change how text reads. They are written out in the review, as ‹U+202E›.")
	}
	if slices.ContainsFunc(texts, padded) {
		add("It has long runs of blanks, which can push a part out of sight. Each blank is shown as a dot in the review.")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if slices.Contains(searched, strings.ToUpper(name)) {
			add("%s says where programs and their parts are looked for. Look where it leads.", name)
		}
	}
	if c.Transport == store.TransportStdio {
		program := strings.TrimSuffix(strings.ToLower(path.Base(strings.ReplaceAll(c.Command, `\`, "/"))), ".exe")
		program = strings.TrimSuffix(program, ".cmd")
		flags, script := interpreters[strings.TrimRight(program, "0123456789.")]
		if !script {
			flags, script = interpreters[program]
		}
		if script && (len(flags) == 0 || slices.ContainsFunc(c.Args, func(a string) bool { return runsText(a, flags) })) {
			add("It runs a piece of script that stands in its arguments. Read all of it.")
		}
		if slices.Contains(wrappers, program) {
			add("%s runs another program, which its arguments name. Read all of them.", program)
		}
		if program == "docker" || program == "podman" {
			for _, a := range c.Args {
				if a == "--privileged" || strings.Contains(a, "docker.sock") || a == "--pid=host" || strings.HasPrefix(a, "/:") || strings.Contains(a, "src=/,") {
					add("Its container gets rights over this whole computer (%s).", cutName(a))
					break
				}
			}
		}
		if slices.ContainsFunc(c.Args, func(a string) bool {
			_, v, _ := strings.Cut(a, "=")
			_, w, _ := strings.Cut(a, ":")
			return secretValue.MatchString(a) || secretValue.MatchString(v) || secretValue.MatchString(strings.TrimSpace(w))
		}) {
			add("An argument looks like a secret. It would stand in Drawbridge's file and in the list of processes, where every program can read it; use an environment variable that is marked secret, if the server can.")
		}
	} else if i := strings.IndexByte(c.URL, '?'); i >= 0 {
		for pair := range strings.SplitSeq(c.URL[i+1:], "&") {
			if k, v, _ := strings.Cut(pair, "="); LikelySecret(k, v) {
				add("The address has a secret in it (%s), which would stand in Drawbridge's file; use a header that is marked secret, if the server can.", cutName(k))
				break
			}
		}
	}
}

func runsText(arg string, flags []string) bool {
	low := strings.ToLower(arg)
	return slices.ContainsFunc(flags, func(f string) bool {
		return low == f || strings.HasPrefix(low, f+"=") || len(f) == 2 && f[0] == '-' && len(low) > 2 && low[0] == '-' && low[1] != '-' && strings.HasSuffix(low, f[1:])
	})
}

// hidden reports whether a text has what cannot be seen, or what turns the
// direction of what follows.
func hidden(s string) bool {
	return strings.ContainsFunc(s, invisible)
}

func invisible(r rune) bool {
	return r != ' ' && !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) || r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0000 && r <= 0xE01EF ||
		r == 0x115F || r == 0x1160 || r == 0x2800 || r == 0x3164 || r == 0xFFA0 || r == 0x034F || r == unicode.ReplacementChar
}

func padded(s string) bool { return strings.Contains(s, strings.Repeat(" ", 12)) }

// cleanName makes a key of somebody's file a name that the rest of the program
// takes, or returns "". odd says that something was left out which a person
// would not see.
func cleanName(name string) (clean string, odd bool) {
	clean = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case invisible(r):
			odd = true
			return -1
		case r == '{' || r == '}':
			return '_'
		}
		return r
	}, name)
	clean = strings.Join(strings.Fields(clean), " ")
	if len(clean) > 100 {
		clean = strings.TrimSpace(strings.ToValidUTF8(clean[:100], ""))
	}
	return clean, odd
}

// alike maps letters of other scripts to the Latin ones that they look like.
var alike = strings.NewReplacer(
	"а", "a", "в", "b", "с", "c", "ԁ", "d", "е", "e", "һ", "h", "і", "i", "ј", "j", "к", "k", "ӏ", "l", "м", "m", "н", "h", "о", "o", "р", "p", "ԛ", "q",
	"ѕ", "s", "т", "t", "у", "y", "ѵ", "v", "ԝ", "w", "х", "x", "α", "a", "β", "b", "ε", "e", "ι", "i", "κ", "k", "ν", "v", "ο", "o", "ρ", "p", "τ", "t",
	"υ", "u", "χ", "x", "ı", "i", "ɡ", "g", "0", "o", "1", "l", "|", "l", "5", "s", "rn", "m", "vv", "w", "-", "", "_", "", " ", "", ".", "")

// lookOf is what a name looks like at a glance.
func lookOf(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 0xFF01 && r <= 0xFF5E { // full width
			r -= 0xFEE0
		}
		b.WriteRune(unicode.ToLower(r))
	}
	look := alike.Replace(b.String())
	return strings.ReplaceAll(look, "i", "l")
}

// LooksLike reports whether two names that differ would be taken for each
// other.
func LooksLike(a, b string) bool { return a != b && lookOf(a) == lookOf(b) }
