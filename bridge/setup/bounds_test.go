package setup_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-app/drawbridge/bridge/setup"
	"github.com/drawbridge-app/drawbridge/internal/bounds"
)

// TestParserBounds gives each parser what would cost a careless one its
// stack, its memory or much time.
func TestParserBounds(t *testing.T) {
	for name, text := range map[string]string{
		"JSON deep":        strings.Repeat(`{"mcpServers":`, 200_000),
		"JSON list deep":   `{"mcpServers":` + strings.Repeat("[", 2_000_000),
		"JSONC deep":       `{"mcpServers":` + strings.Repeat("[", 500_000),
		"JSON comment":     `{"a":1, /*` + strings.Repeat("*", 3<<20),
		"JSONC wide":       `{"mcpServers":{` + strings.Repeat("\"a\":{},\n", 60_000) + "},}",
		"JSON wide":        `{"mcpServers":{` + strings.Repeat("\"a\":{},\n", 100_000) + `"b":{}}}`,
		"JSON strings":     `{"mcpServers":{"a":{"command":"` + strings.Repeat(`\u0041`, 500_000) + `"}}}`,
		"many arguments":   `{"mcpServers":{"a":{"command":"x","args":[` + strings.Repeat(`"${env:A}${input:b}",`, 20_000) + `"x"]}}}`,
		"many names":       many(t, 500),
		"TOML deep":        "a = " + strings.Repeat("[", 2_900),
		"TOML dots":        fill(strings.Repeat("a.", 95) + "b = 1\n"),
		"TOML tables":      tables(2_900),
		"TOML deep tables": deepTables(300),
		"TOML inline":      "a = " + strings.Repeat("{a=", 290) + "1" + strings.Repeat("}", 290),
		"YAML laughs":      laughs(12),
		"YAML deep":        "a: " + strings.Repeat("[", 1_900),
		"YAML indents":     indents(350),
		"YAML dashes":      strings.Repeat("- ", 95) + "a",
		"YAML questions":   fill("? - ? - ? - ? - a\n"),
		"YAML wide":        many2(5_000),
		"ten servers":      `{"mcpServers":{` + strings.Repeat(`"a":{"command":"`+strings.Repeat("x ", 6000)+`"},`, 10) + `"b":{"command":"` + strings.Repeat("${A}", 1000) + `"}}}`,
		"JSON braces":      `{"mcpServers":{"a":{"command":"x","env":{` + strings.Repeat(`"A":"$A",`, 5000) + `"B":""}}}}`,
		"YAML quotes":      `a: "` + strings.Repeat(`\x41`, 16_000) + `"`,
		"YAML anchors":     strings.Repeat("- &a a\n- *a\n", 5_000),
		"YAML self":        "a: &a\n  b: *a\n",
		"YAML folded":      "a: >\n" + strings.Repeat(" x\n\n", 15_000),
		"YAML tags":        fill("- !<tag:x> a\n"),
		"YAML colons":      fill("a: b: c\n"),
		"YAML braces":      strings.Repeat("{a: ", 1_900),
		"link":             "cursor://anysphere.cursor-deeplink/mcp/install?name=a&config=" + strings.Repeat("A", 60_000),
		"link of lists":    "lmstudio://add_mcp?" + strings.Repeat("a=b&", 15_000),
		"fence":            strings.Repeat("```\n", 900_000),
	} {
		started := bounds.Busy()
		before := allocated()
		_, _, err := setup.Parse([]byte(text))
		took, used := bounds.Busy()-started, allocated()-before
		t.Logf("%-18s %8s %6d kB %.70v", name, took.Round(time.Microsecond*100), used>>10, err)
		if took > time.Second && !bounds.Race { // more than ten times what the slowest takes
			t.Errorf("%s takes %s", name, took)
		}
		if used > 256<<20 {
			t.Errorf("%s takes %d MB", name, used>>20)
		}
	}
}

// fill repeats a text up to just below what is read of YAML and TOML.
func fill(s string) string { return strings.Repeat(s, (64<<10-1)/len(s)) }

func tables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[mcp_servers.a%d]\n", i)
	}
	return b.String()
}

func many2(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: b\n", i)
	}
	return b.String()
}

func many(t testing.TB, n int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`{"mcpServers":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%s%d":{"command":"x","env":{"API_KEY":"v"}}`, strings.Repeat("o0", 20), i)
	}
	return b.String() + "}}"
}

func deepTables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[%s]\n", strings.TrimSuffix(strings.Repeat("a.", i%90+1), "."))
	}
	return b.String()
}

func laughs(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String()
}

func indents(n int) string {
	var b strings.Builder
	for i := range min(n, 400) {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
