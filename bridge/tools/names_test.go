package tools_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

func tool(server, name string) tools.Tool {
	return tools.Tool{Ref: tools.Ref{Server: server, Tool: name}, ServerName: server}
}

func TestNewTableNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	for name, test := range map[string]struct {
		list []tools.Tool
		want []string // of each tool; a pattern
	}{
		"plain":           {[]tools.Tool{tool("files", "read")}, []string{`files__read`}},
		"dashes":          {[]tools.Tool{tool("my-files", "read_it")}, []string{`my-files__read_it`}},
		"changed":         {[]tools.Tool{tool("files", "read.it")}, []string{`files__read_it_0[a-z2-7]{16}`}},
		"alike":           {[]tools.Tool{tool("f", "a.b"), tool("f", "a b"), tool("f", "a_b")}, []string{`f__a_b_0[a-z2-7]{16}`, `f__a_b_0[a-z2-7]{16}`, `f__a_b_0[a-z2-7]{16}`}},
		"by case":         {[]tools.Tool{tool("f", "read"), tool("f", "READ")}, []string{`f__read_0.*`, `f__READ_0.*`}},
		"first no letter": {[]tools.Tool{tool("1", "a")}, []string{`t1__a_0.*`}},
		"another script":  {[]tools.Tool{tool("дом", "окно")}, []string{`t_*_0.*`}},
		"long":            {[]tools.Tool{tool("f", long)}, []string{`f__x{43}_0.*`}},
		"split elsewhere": {[]tools.Tool{tool("a__b", "c"), tool("a", "b__c")}, []string{`a__b__c_0.*`, `a__b__c_0.*`}},
		"looks hashed":    {[]tools.Tool{tool("f", "a_0abcdefghijklmnop")}, []string{`f__a_0abcdefghijklmnop_0[a-z2-7]{16}`}},
		"nothing":         {[]tools.Tool{tool("", "")}, []string{`t___0.*`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := tools.NewTable(test.list, tools.OpenAI)
			for i, tl := range test.list {
				got, ok := table.Name(tl.Ref)
				if !ok || !regexp.MustCompile("^"+test.want[i]+"$").MatchString(got) {
					t.Errorf("%q is named %q, want %s", tl.Ref, got, test.want[i])
				}
				back, ok := table.Lookup(got)
				if !ok || back.Ref != tl.Ref {
					t.Errorf("%q is looked up as %q", got, back.Ref)
				}
			}
		})
	}
}

// TestNoToolTakesAnothersName tries what a hostile server would: it knows the
// name that another server's tool was given, and names a tool of its own so.
func TestNoToolTakesAnothersName(t *testing.T) {
	t.Parallel()
	victim := tool("bank", "pay.now")
	name, _ := tools.NewTable([]tools.Tool{victim}, tools.OpenAI).Name(victim.Ref)
	server, rest, _ := strings.Cut(name, "__")
	for _, thief := range []tools.Tool{
		tool(server, rest), tool(server, strings.ToUpper(rest)), tool(server+"_", rest[1:]), tool(name[:3], name[5:]),
		tool(strings.TrimSuffix(name, "__"+rest), rest),
	} {
		for _, list := range [][]tools.Tool{{victim, thief}, {thief, victim}} {
			table := tools.NewTable(list, tools.OpenAI)
			got, ok := table.Lookup(name)
			if !ok || got.Ref != victim.Ref {
				t.Errorf("with %q in the list, %q means %q", thief.Ref, name, got.Ref)
			}
			if n := len(table.Functions()); n != 2 {
				t.Errorf("%d tools are offered", n)
			}
		}
	}
}

func TestNewTableFunctions(t *testing.T) {
	t.Parallel()
	twice := tool("f", "a")
	twice.Description = "Second."
	one := tool("f", "a")
	one.Description = "First."
	none := tools.Tool{Ref: tools.Ref{Server: "f", Tool: "b"}, Title: "A title"}
	got := tools.NewTable([]tools.Tool{none, one, twice}, tools.OpenAI).Functions()
	if len(got) != 2 || got[0].Name != "f__a" || got[0].Description != "[f] First." || got[1].Description != "A title" {
		t.Errorf("functions: %+v", got)
	}
	long := tool("f", "c")
	long.Description = strings.Repeat("é", 10_000)
	if f := tools.NewTable([]tools.Tool{long}, tools.OpenAI).Functions()[0]; len(f.Description) > 9<<10 || !strings.HasSuffix(f.Description, "é …") {
		t.Errorf("a description of %d bytes", len(f.Description))
	}
	var empty tools.Table
	if _, ok := empty.Lookup("x"); ok {
		t.Error("an empty table knows a tool")
	}
}

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// FuzzNewTable checks that names fit the services' rules, are unique, can be
// looked up again, and do not depend on the order of the list.
func FuzzNewTable(f *testing.F) {
	f.Add("files\nread\nfiles\nread.it\na__b\nc\na\nb__c", uint64(1))
	f.Add("f\na_b_0abcdefghijklmnop\nf\na.b\nF\nA.B", uint64(2))
	f.Add("\n\n\x00\n\n\xff\n", uint64(3))
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		words := strings.Split(text, "\n")
		var list []tools.Tool
		for i := 0; i+1 < len(words) && len(list) < 200; i += 2 {
			list = append(list, tool(words[i], words[i+1]))
		}
		for format, d := range dialects {
			checkNames(t, format, list, d, seed)
		}
	})
}

// checkNames checks that names can be used, and lead back to the tools.
func checkNames(t *testing.T, format tools.Format, list []tools.Tool, d tools.Dialect, seed uint64) {
	t.Helper()
	table := tools.NewTable(list, d)
	seen := map[string]tools.Ref{}
	for _, fn := range table.Functions() {
		if !namePattern.MatchString(fn.Name) || len(fn.Name) > d.MaxName || tools.Own(fn.Name) {
			t.Errorf("%s: %q is no name", format, fn.Name)
		}
		low := strings.ToLower(fn.Name)
		if other, ok := seen[low]; ok {
			t.Errorf("%s: %q and %q are both named %q", format, other, fn.Ref, fn.Name)
		}
		seen[low] = fn.Ref
		if back, ok := table.Lookup(fn.Name); !ok || back.Ref != fn.Ref {
			t.Errorf("%s: %q is looked up as %q", format, fn.Name, back.Ref)
		}
	}
	list = slices.Clone(list)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	again, search := tools.NewTable(list, d), tools.NewSearchTable(list, d)
	for _, tl := range list {
		a, ok := table.Name(tl.Ref)
		b, ok2 := again.Name(tl.Ref)
		if !ok || !ok2 || a != b {
			t.Errorf("%s: %q is named %q, and %q in another order", format, tl.Ref, a, b)
		}
		back, ok := search.Lookup(a)
		if !ok || back.Ref != tl.Ref {
			t.Errorf("%s: with search, %q is looked up as %q", format, a, back.Ref)
		}
	}
}

func BenchmarkNewTable(b *testing.B) {
	var list []tools.Tool
	for i := range 100 {
		tl := tool(fmt.Sprintf("server%d", i/10), fmt.Sprintf("tool_%d", i))
		tl.InputSchema = append(append([]byte(`{"type":"object","properties":{"a":{"type":"string","description":"`), bytes.Repeat([]byte("x"), 500)...), `"}}}`...)
		list = append(list, tl)
	}
	b.ReportAllocs()
	for b.Loop() {
		tools.NewTable(list, tools.OpenAI)
	}
}
