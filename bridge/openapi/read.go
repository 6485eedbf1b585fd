package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// node is any value of a document: map[string]any, []any, string, json.Number,
// bool or nil.
type node = any

// Document is a document that was read. It is not safe for several goroutines
// at once.
type Document struct {
	root    map[string]any
	old     bool // before 3.1: schemas are not those of JSON Schema 2020-12 yet
	swagger bool // 2.0
	schemas *schemas
	notes   []string
}

// Read reads a document, to look at it before a server is made of it. The error
// is a sentence that wraps store.ErrInvalid. It takes at most 5 s.
func Read(ctx context.Context, document []byte) (*Document, error) {
	return readWithin(ctx, convertLimit, document)
}

func readWithin(ctx context.Context, limit time.Duration, document []byte) (*Document, error) {
	var d *Document
	err := bounded(ctx, limit, func(ctx context.Context) (err error) {
		d, err = read(ctx, document)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func read(ctx context.Context, b []byte) (*Document, error) {
	if len(b) > documentMax {
		return nil, bad("The document is longer than %d MiB. Use a smaller one, for example one of a part of the API.", documentMax>>20)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	trimmed := bytes.TrimSpace(b)
	if len(trimmed) == 0 {
		return nil, bad("The document is empty.")
	}
	var v node
	var err error
	if trimmed[0] == '{' {
		v, err = readJSON(trimmed)
	}
	if trimmed[0] != '{' || err == errNoJSON { // YAML may begin with a brace as well
		v, err = readYAML(ctx, b)
	}
	if err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, bad("The document is no OpenAPI document: it should be an object with openapi or swagger in it.")
	}
	d := &Document{root: root}
	switch version, swagger := text(root["openapi"]), text(root["swagger"]); {
	case strings.HasPrefix(version, "3.0"):
		d.old = true
	case strings.HasPrefix(version, "3."):
	case strings.HasPrefix(swagger, "2."):
		d.old, d.swagger = true, true
	case version != "" || swagger != "":
		return nil, bad("The version %q of OpenAPI is not known; 2.0, 3.0 and 3.1 are.", cut(version+swagger, 40))
	default:
		return nil, bad("The document is no OpenAPI document: neither openapi nor swagger says which version it has.")
	}
	d.schemas = newSchemas(d)
	return d, ctx.Err()
}

// Title is what the API calls itself.
func (d *Document) Title() string {
	info, _ := d.root["info"].(map[string]any)
	return cut(oneLine(text(info["title"])), 200)
}

var errNoJSON = errors.New("no JSON")

// readJSON estimates first what memory the values will take, so that a document
// of brackets alone does not take much more than its size.
func readJSON(b []byte) (node, error) {
	cost, depth, deepest := len(b), 0, 0
	inString := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{':
			cost += 340
			depth++
		case c == '[':
			cost += 100
			depth++
		case c == ',':
			cost += 64
		case c == '}' || c == ']':
			depth--
		}
		deepest = max(deepest, depth)
	}
	if deepest > depthMax {
		return nil, tooDeep()
	}
	if cost > memoryMax {
		return nil, tooMany()
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v node
	if err := dec.Decode(&v); err != nil {
		return nil, errNoJSON
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errNoJSON
	}
	return v, nil
}

func tooDeep() error {
	return bad("The document is nested deeper than %d levels, which no description of an API needs. It is not read.", depthMax)
}

func tooMany() error {
	return bad("The document has more values than can be kept. Use a smaller one, for example one of a part of the API.")
}

// readYAML reads the first document of a stream. Aliases are followed, but what
// they repeat counts each time.
func readYAML(ctx context.Context, b []byte) (v node, err error) {
	if yamlNodes(b) > yamlNodesMax {
		return nil, tooMany()
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(&doc); err != nil {
		return nil, bad("The document is neither JSON nor YAML: %s.", cut(oneLine(strings.TrimPrefix(err.Error(), "yaml: ")), 300))
	}
	y := yamlReader{ctx: ctx, left: memoryMax}
	if v, err = y.value(&doc, 0); err != nil {
		return nil, err
	}
	return v, nil
}

// yamlNodes is an upper bound of the number of nodes: each but the first is
// begun by one of these indicators, at most two by each.
func yamlNodes(b []byte) int {
	n := 1
	for i, c := range b {
		switch c {
		case ',', '[', '{':
			n += 2
		case ':', '-', '?':
			if i+1 == len(b) || b[i+1] == ' ' || b[i+1] == '\n' || b[i+1] == '\t' || b[i+1] == '\r' {
				n += 2
			} else if c == ':' && i > 0 && (b[i-1] == '"' || b[i-1] == '\'') {
				n += 2
			}
		}
	}
	return n
}

type yamlReader struct {
	ctx   context.Context
	left  int // of the memory that values may take
	steps int
}

func (y *yamlReader) value(n *yaml.Node, depth int) (node, error) {
	if depth > depthMax {
		return nil, tooDeep()
	}
	if y.steps++; y.steps%1000 == 0 && y.ctx.Err() != nil {
		return nil, y.ctx.Err()
	}
	if y.left -= 64 + len(n.Value); y.left < 0 {
		return nil, tooMany()
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) != 1 {
			return nil, bad("The document is empty.")
		}
		return y.value(n.Content[0], depth)
	case yaml.AliasNode:
		if n.Alias == nil {
			return nil, bad("The document refers to an anchor that it does not have (line %d).", n.Line)
		}
		return y.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := y.value(c, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		return y.mapping(n, depth)
	case yaml.ScalarNode:
		return scalar(n), nil
	}
	return nil, nil
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (node, error) {
	if y.left -= 300; y.left < 0 {
		return nil, tooMany()
	}
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode && key.Alias != nil {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, bad("The document has a key that is no text (line %d).", key.Line)
		}
		v, err := y.value(value, depth+1)
		if err != nil {
			return nil, err
		}
		if key.Value == "<<" && key.ShortTag() == "!!merge" {
			merge(m, v)
			continue
		}
		m[key.Value] = v
	}
	return m, nil
}

// merge adds what m has not: the merge key of YAML 1.1. What comes later in
// the mapping itself replaces it.
func merge(m map[string]any, v node) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, one := range list {
		from, _ := one.(map[string]any)
		for k, v := range from {
			if _, have := m[k]; !have {
				m[k] = v
			}
		}
	}
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func scalar(n *yaml.Node) node {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) == nil {
			return b
		}
	case "!!int", "!!float":
		if jsonNumber.MatchString(n.Value) {
			return json.Number(n.Value)
		}
		var i int64
		if n.ShortTag() == "!!int" && n.Decode(&i) == nil {
			return json.Number(strconv.FormatInt(i, 10))
		}
		var f float64
		if n.Decode(&f) == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
		}
	}
	return n.Value
}

// BaseURLs returns the addresses that the document names and that may be
// offered to a person as base URL: https, and no address that is private or
// names a private place. from is where the document was read, to which relative
// ones belong; it may be empty.
func (d *Document) BaseURLs(from string) []string {
	base, err := url.Parse(from)
	if err != nil {
		base = &url.URL{}
	}
	list, _ := d.root["servers"].([]any)
	if d.swagger {
		list = d.swaggerServers()
	}
	var out []string
	for _, one := range list {
		server, _ := one.(map[string]any)
		address := text(server["url"])
		variables, _ := server["variables"].(map[string]any)
		for name, v := range variables {
			v, _ := v.(map[string]any)
			address = strings.ReplaceAll(address, "{"+name+"}", text(v["default"]))
		}
		u, err := base.Parse(address)
		if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || private(u.Hostname()) || strings.ContainsAny(u.Path, "{}") {
			continue
		}
		if len(out) < 20 {
			out = append(out, u.String())
		}
	}
	return out
}

// private reports whether a host is, or by its name seems to be, inside of a
// private network.
func private(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return !a.IsGlobalUnicast() || a.IsPrivate() || sharedSpace.Contains(a)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == host || last == "" || last[0] >= '0' && last[0] <= '9' {
		return true // no domain at all, or an address in an unusual notation
	}
	for _, suffix := range []string{".localhost", ".local", ".internal", ".lan", ".home", ".corp", ".home.arpa", ".test", ".invalid"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return false
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

func text(v node) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// oneLine replaces what would break a line or cannot be seen.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")))
}

// cut returns at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
