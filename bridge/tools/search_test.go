package tools_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

func named(server, name, description, schema string) tools.Tool {
	return tools.Tool{Ref: tools.Ref{Server: server, Tool: name}, ServerName: server, Description: description, InputSchema: json.RawMessage(schema), Hash: server + name}
}

var catalogue = []tools.Tool{
	named("files", "readFile", "Reads a file.", `{"type":"object","properties":{"path":{"type":"string"}}}`),
	named("files", "write_file", "Writes text to a file.", `{"type":"object","properties":{"path":{"type":"string"},"contents":{"type":"string"}}}`),
	named("git", "list-branches", "Lists what there is to check out.", `{"type":"object","properties":{"repo":{"type":"object","properties":{"owner":{"type":"string"}}}}}`),
	named("git", "createIssue", "Opens a ticket.", `{"type":"object"}`),
	named("git", "HTTPFetch", "Gets an address.", `{"type":"object"}`),
	named("wetter", "vorhersage", "Sagt das Wetter für Zürich voraus.", `{"type":"object"}`),
	named("jp", "search", "日本語の文書を検索する", `{"type":"object"}`),
}

func TestFind(t *testing.T) {
	t.Parallel()
	x := tools.NewIndex(catalogue)
	for query, want := range map[string]string{
		"read file":             "readFile",
		"reading files":         "readFile",
		"READFILE":              "",
		"write":                 "write_file",
		"contents":              "write_file",
		"branch":                "list-branches",
		"listing branches":      "list-branches",
		"owner":                 "list-branches",
		"create an issue":       "createIssue",
		"creating issues":       "createIssue",
		"created":               "createIssue",
		"http":                  "HTTPFetch",
		"fetch":                 "HTTPFetch",
		"zürich":                "vorhersage",
		"文書":                    "search",
		"vorher":                "vorhersage",
		"nothing of this sort?": "",
		"":                      "",
		"!!!":                   "",
	} {
		got := x.Find(query, 3)
		if want == "" && len(got) > 0 && query != "READFILE" || want != "" && (len(got) == 0 || got[0].Tool != want) {
			t.Errorf("%q finds %v, want %q", query, got, want)
		}
	}
	if n := len(x.Find("file", 1)); n != 1 {
		t.Errorf("%d tools for a limit of 1", n)
	}
	if got := tools.NewIndex(nil).Find("file", 5); len(got) != 0 {
		t.Errorf("an empty index finds %v", got)
	}
}

// TestFindIsStable checks that the order does not depend on that of the list.
func TestFindIsStable(t *testing.T) {
	t.Parallel()
	list := manyTools(t, 600)
	want := refs(tools.NewIndex(list).Find("list the issues of a project", 40))
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if got := refs(tools.NewIndex(list).Find("list the issues of a project", 40)); !slices.Equal(got, want) || len(got) != 40 {
		t.Errorf("found %v, and before %v", got, want)
	}
}

func refs(list []tools.Tool) (out []tools.Ref) {
	for _, t := range list {
		out = append(out, t.Ref)
	}
	return out
}

func TestFindAmongRealTools(t *testing.T) {
	t.Parallel()
	var list []tools.Tool
	for _, l := range realTools(t) {
		list = append(list, l...)
	}
	x := tools.NewIndex(list)
	for query, want := range map[string]string{
		"create a github issue":            "create_issue",
		"take a screenshot":                "screenshot",
		"scrape a web page":                "firecrawl_scrape",
		"fork a repository":                "fork_repository",
		"get logs of a pod in kubernetes":  "kubectl_logs",
		"add a comment to a notion page":   "comment",
		"click an element":                 "click",
		"find organizations in sentry":     "organizations",
		"record a performance trace":       "performance_start_trace",
		"merge a pull request on github":   "merge_pull_request",
		"install a helm chart":             "install_helm_chart",
		"search the web":                   "search",
		"scale a deployment to 3 replicas": "scale",
	} {
		found := x.Find(query, 5)
		if !slices.ContainsFunc(found, func(t tools.Tool) bool { return strings.Contains(t.Tool, want) }) {
			t.Errorf("%q finds %v, without %s", query, refs(found), want)
		}
	}
}

func TestSearchTable(t *testing.T) {
	t.Parallel()
	for format, d := range dialects {
		broken := named("files", "broken", "A broken file.", `[]`)
		table := tools.NewSearchTable(append(slices.Clone(catalogue), broken), d)
		f := table.Functions()
		if len(f) != 2 || f[0].Name != tools.FindTools || f[1].Name != tools.CallTool || !table.Search() {
			t.Fatalf("%s: offers %v", format, f)
		}
		for _, fn := range table.WithReadResult().Functions() {
			for _, fault := range faultsOf(format, fn) {
				t.Errorf("%s: %s: %s", format, fn.Name, fault)
			}
		}
		if len(table.LeftOut()) != 1 {
			t.Errorf("%s: left out %v", format, table.LeftOut())
		}
		r := table.Find(json.RawMessage(`{"query":"file","limit":2}`))
		var found []struct {
			Name, Description string
			Parameters        map[string]any
		}
		if err := json.Unmarshal([]byte(r.Content.Text()), &found); err != nil || r.IsError || len(found) != 2 {
			t.Fatalf("%s: %v: %s", format, err, r.Content.Text())
		}
		for _, one := range found {
			tl, ok := table.Lookup(one.Name)
			if !ok || one.Parameters["type"] != "object" || !strings.Contains(one.Description, tl.Description) {
				t.Errorf("%s: found %+v", format, one)
			}
		}
	}
}

func TestFindIsBounded(t *testing.T) {
	t.Parallel()
	var list []tools.Tool
	for i := range 30 {
		list = append(list, named("big", fmt.Sprint("file", i), strings.Repeat("A file. ", 2000), `{"type":"object","properties":{"a":{"description":"`+strings.Repeat("x", 3000*(i%6))+`"}}}`))
	}
	r := tools.NewSearchTable(list, tools.OpenAI).Find(json.RawMessage(`{"query":"file","limit":20}`))
	text := r.Content.Text()
	if len(text) > 25<<10 || !json.Valid([]byte(text)) || !strings.Contains(text, "parameters_left_out") {
		t.Errorf("%d bytes: %.200s", len(text), text)
	}
}

func TestFindArguments(t *testing.T) {
	t.Parallel()
	table := tools.NewSearchTable(catalogue, tools.OpenAI)
	for arguments, want := range map[string]string{
		`{"query":"file","limit":1000}`: "readFile",
		`{"query":"file","limit":-3}`:   "File",
		`{"query":"file"}`:              "readFile",
		`{"query":"qqqq"}`:              "files, git, wetter, jp",
		``:                              "needs a query",
		`{"query":" "}`:                 "needs a query",
		`{"query":5}`:                   "needs a query",
		`[]`:                            "not a JSON object",
	} {
		r := table.Find(json.RawMessage(arguments))
		if text := r.Content.Text(); !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("%s: %.200s, want %q", arguments, text, want)
		}
		if r.IsError != (strings.Contains(want, "needs") || strings.Contains(want, "not a")) {
			t.Errorf("%s: error %v", arguments, r.IsError)
		}
	}
	if r := tools.NewTable(catalogue, tools.OpenAI).Find(json.RawMessage(`{"query":"x"}`)); !r.IsError {
		t.Error("a table without search finds something")
	}
}

func TestUnwrap(t *testing.T) {
	t.Parallel()
	table := tools.NewSearchTable(catalogue, tools.OpenAI)
	for arguments, want := range map[string]string{
		`{"name":"files__readFile","arguments":{"path":"x"}}`:       `{"path":"x"}`,
		`{"name":"files__readFile","arguments":"{\"path\":\"x\"}"}`: `{"path":"x"}`,
		`{"name":"files__readFile"}`:                                `{}`,
		`{"name":"files__readFile","arguments":null}`:               `{}`,
		`{"name":"files__readFile","arguments":""}`:                 `{}`,
		`{"name":"files__readFile","arguments":[1]}`:                "",
		`{"name":"files__readFile","arguments":"{\"path"}`:          "",
		`{"name":"readFile","arguments":{}}`:                        "",
		`{"name":"find_tools","arguments":{}}`:                      "",
		`{}`:                                                        "",
		`"x"`:                                                       "",
	} {
		tl, got, err := table.Unwrap(json.RawMessage(arguments))
		if want == "" && !errors.Is(err, store.ErrInvalid) || want != "" && (err != nil || string(got) != want || tl.Tool != "readFile") {
			t.Errorf("%s: %v %s %v, want %s", arguments, tl.Ref, got, err, want)
		}
	}
}

func TestConverter(t *testing.T) {
	t.Parallel()
	c := tools.NewConverter()
	list := manyTools(t, 50)
	first := c.Table(list, tools.Chat, false)
	if c.Table(slices.Clone(list), tools.Chat, false) != first {
		t.Error("the same tools are converted again")
	}
	for name, other := range map[string]*tools.Table{
		"another dialect": c.Table(list, tools.Gemini, false),
		"a search":        c.Table(list, tools.Chat, true),
		"fewer":           c.Table(list[1:], tools.Chat, false),
	} {
		if other == first {
			t.Errorf("%s: it is the same table", name)
		}
	}
	for name, change := range map[string]func(*tools.Tool){
		"another definition":  func(t *tools.Tool) { t.Hash, t.Description = "new", "New." },
		"another server name": func(t *tools.Tool) { t.ServerName = "renamed" },
		"another server":      func(t *tools.Tool) { t.Server = "moved" },
		"no hash":             func(t *tools.Tool) { t.Hash = "" },
	} {
		changed := slices.Clone(list)
		change(&changed[7])
		table := c.Table(changed, tools.Chat, false)
		if table == first {
			t.Errorf("%s: it is the same table", name)
		}
		want := tools.NewTable(changed, tools.Chat)
		if string(tools.JSON(tools.FormatChat, table.Functions())) != string(tools.JSON(tools.FormatChat, want.Functions())) {
			t.Errorf("%s: what was kept differs from what is made", name)
		}
	}
}

func TestTokensAndCap(t *testing.T) {
	t.Parallel()
	table := tools.NewTable(catalogue, tools.OpenAI).WithReadResult()
	estimate := table.Tokens(nil)
	exact := table.Tokens(func(s string) int { return len(s) })
	total := 0
	for _, server := range []string{"files", "git", "wetter", "jp", ""} {
		if estimate[server] == 0 || exact[server] < 3*estimate[server] || exact[server] > 4*estimate[server] {
			t.Errorf("%s: %d tokens of %d bytes", server, estimate[server], exact[server])
		}
		total += exact[server]
	}
	sent := len(tools.JSON(tools.FormatChat, table.Functions()))
	if n := len(table.Functions()); total != sent-n-1 {
		t.Errorf("%d bytes are counted, and %d sent", total, sent)
	}
	if table.Over() != 0 || tools.NewTable(manyTools(t, 130), tools.OpenAI).Over() != 2 || tools.NewTable(manyTools(t, 600), tools.Anthropic).Over() != 0 {
		t.Error("the cap is told wrong")
	}
	if table.WithReadResult() != table {
		t.Error("read_result is offered twice")
	}
}
