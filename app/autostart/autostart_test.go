package autostart

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
)

// odd is a program whose name needs every kind of quoting.
var odd = Options{ID: "app.example.Odd", Name: `Odd \n`, Program: "/opt/a b/100%/$HOME/`x`/\"q\"/back\\slash", Args: []string{"--tray", `a\`, `q"`}}

// readExec reads a value of Exec: first as a string, then as words.
func readExec(t *testing.T, value string) []string {
	t.Helper()
	value = strings.ReplaceAll(value, `\\`, `\`)
	var words []string
	var word strings.Builder
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			if quoted {
				words = append(words, word.String())
				word.Reset()
			}
			quoted = !quoted
		case !quoted && c == ' ':
		case !quoted:
			t.Fatalf("%q stands outside of quotes in %q", c, value)
		case c == '\\':
			i++
			word.WriteByte(value[i])
		case c == '%':
			if i++; value[i] != '%' {
				t.Fatalf("a field code %%%c in %q", value[i], value)
			}
			word.WriteByte('%')
		case c == '`' || c == '$':
			t.Fatalf("%q is not escaped in %q", c, value)
		default:
			word.WriteByte(c)
		}
	}
	if quoted {
		t.Fatalf("a quote is open in %q", value)
	}
	return words
}

func TestDesktopEntryQuotes(t *testing.T) {
	_, rest, _ := strings.Cut(desktopEntry(odd), "\nExec=")
	line, _, _ := strings.Cut(rest, "\n")
	if got, want := readExec(t, line), append([]string{odd.Program}, odd.Args...); !slices.Equal(got, want) {
		t.Errorf("a desktop reads %q, not %q", got, want)
	}
}

func TestLaunchAgent(t *testing.T) {
	o := odd
	o.Program += "<&>"
	var list struct {
		Keys    []string `xml:"dict>key"`
		Strings []string `xml:"dict>string"`
		Words   []string `xml:"dict>array>string"`
	}
	if err := xml.Unmarshal([]byte(launchAgent(o)), &list); err != nil {
		t.Fatal(err)
	}
	if want := append([]string{o.Program}, o.Args...); !slices.Equal(list.Words, want) {
		t.Errorf("the words are %q, not %q", list.Words, want)
	}
	if !slices.Contains(list.Keys, "RunAtLoad") || list.Strings[0] != o.ID {
		t.Errorf("the list is %+v", list)
	}
}

func TestCommandLine(t *testing.T) {
	got := commandLine(Options{Program: `C:\Program Files\Drawbridge\drawbridge.exe`, Args: []string{"--tray", `dir\`, `a\"b`}})
	if want := `"C:\Program Files\Drawbridge\drawbridge.exe" "--tray" "dir\\" "a\\\"b"`; got != want {
		t.Errorf("the line is %s, not %s", got, want)
	}
}
