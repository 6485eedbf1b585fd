package autostart

import (
	"encoding/xml"
	"strings"
)

// The texts of the entries are made here for every system, so that each can be
// held against its rules on any.

// desktopEntry is a file of the Desktop Entry Specification 1.5.
func desktopEntry(o Options) string {
	words := []string{execWord(o.Program)}
	for _, arg := range o.Args {
		words = append(words, execWord(arg))
	}
	return "[Desktop Entry]\nType=Application\nVersion=1.5\nName=" + escaped(o.Name) +
		"\nExec=" + escaped(strings.Join(words, " ")) + "\nIcon=" + escaped(o.ID) +
		"\nTerminal=false\nX-GNOME-Autostart-enabled=true\n"
}

// execWord quotes a word of Exec, as its section "The Exec key" asks.
func execWord(s string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, "`", "\\`", `$`, `\$`, `\`, `\\`, `%`, `%%`).Replace(s) + `"`
}

// escaped is a value of the type string there.
func escaped(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }

// entryOff reports whether such a file says that it is not to be used.
func entryOff(text string) bool {
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || section != "[Desktop Entry]" {
			continue
		}
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); {
		case key == "Hidden" && value == "true", key == "X-GNOME-Autostart-enabled" && value == "false":
			return true
		}
	}
	return false
}

// launchAgent is a property list of launchd.plist(5).
func launchAgent(o Options) string {
	var b strings.Builder
	text := func(s string) {
		b.WriteString("<string>")
		_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
		b.WriteString("</string>\n")
	}
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
<key>Label</key>
`)
	text(o.ID)
	b.WriteString("<key>ProgramArguments</key>\n<array>\n")
	text(o.Program)
	for _, arg := range o.Args {
		text(arg)
	}
	b.WriteString("</array>\n<key>RunAtLoad</key>\n<true/>\n<key>ProcessType</key>\n<string>Interactive</string>\n</dict>\n</plist>\n")
	return b.String()
}

// commandLine is what the Run key of Windows holds, quoted as CommandLineToArgvW
// reads it.
func commandLine(o Options) string {
	words := []string{windowsWord(o.Program)}
	for _, arg := range o.Args {
		words = append(words, windowsWord(arg))
	}
	return strings.Join(words, " ")
}

// windowsWord quotes a word: backslashes count twice where a quote follows.
func windowsWord(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\':
			slashes++
			continue
		case '"':
			b.WriteString(strings.Repeat(`\`, 2*slashes+1))
		default:
			b.WriteString(strings.Repeat(`\`, slashes))
		}
		slashes = 0
		b.WriteByte(s[i])
	}
	b.WriteString(strings.Repeat(`\`, 2*slashes) + `"`)
	return b.String()
}
