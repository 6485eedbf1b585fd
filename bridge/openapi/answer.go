package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// failed is the result of a call that had no answer.
func failed(sentence string, a *credentials) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: a.hide(sentence)}}}
}

// answer makes the result of an answer: JSON as text, and structured if it is
// an object; text as it is; images as images; what else there is as a resource.
// A status outside of 200 to 299 is an error with the status in it.
func answer(resp *http.Response, a *credentials) *mcp.CallToolResult {
	data, err := io.ReadAll(io.LimitReader(resp.Body, answerMax+1))
	status := fmt.Sprintf("HTTP %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	out := &mcp.CallToolResult{Meta: mcp.Meta{"status": resp.StatusCode}}
	add := func(c mcp.Content) { out.Content = append(out.Content, c) }
	line := func(format string, v ...any) { add(&mcp.TextContent{Text: a.hide(fmt.Sprintf(format, v...))}) }
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		out.IsError = true
		if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
			line("%s: the API redirects to %s, which is not followed.", status, cut(oneLine(withoutQuery(to)), 300))
		} else {
			line("%s", status)
		}
	}
	switch {
	case err != nil && len(data) <= answerMax:
		out.IsError = true
		line("The answer broke off after %d bytes.", len(data))
		return out
	case len(data) > answerMax:
		out.IsError = true
		line("The answer is longer than %d MiB. Ask for less, for example for one page or fewer fields.", answerMax>>20)
		return out
	case len(data) == 0:
		if !out.IsError {
			line("%s", status)
		}
		return out
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	switch {
	case isJSON(kind) || kind == "" && json.Valid(data):
		data = a.hideBytes(data)
		add(&mcp.TextContent{Text: string(bytes.ToValidUTF8(data, []byte("\uFFFD")))})
		if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
			out.StructuredContent = json.RawMessage(trimmed)
		}
	case slices.Contains(images, kind):
		add(&mcp.ImageContent{Data: data, MIMEType: kind})
	case utf8.Valid(data) && (textual(kind) || !bytes.ContainsRune(data, 0)):
		add(&mcp.TextContent{Text: a.hide(string(data))})
	case textual(kind):
		add(&mcp.TextContent{Text: a.hide(strings.ToValidUTF8(string(data), "\uFFFD"))})
	default:
		if kind == "" {
			kind = "application/octet-stream"
		}
		add(&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "openapi:///answer", MIMEType: kind, Blob: data}})
	}
	return out
}

// images are the kinds that models can look at.
var images = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

func textual(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+xml") || strings.HasSuffix(kind, "/xml") ||
		slices.Contains([]string{"application/javascript", "application/yaml", "application/x-yaml", "application/x-ndjson", "application/x-www-form-urlencoded"}, kind)
}

func withoutQuery(address string) string {
	address, _, _ = strings.Cut(address, "?")
	address, _, _ = strings.Cut(address, "#")
	return address
}

// accepts returns the header Accept: the media types that the document names
// for success, JSON first.
func (d *Document) accepts(operation map[string]any) string {
	var kinds []string
	if d.swagger {
		kinds = d.mediaTypes(operation, "produces")
	} else {
		responses, _ := operation["responses"].(map[string]any)
		for _, status := range sorted(responses) {
			if !strings.HasPrefix(status, "2") && status != "default" {
				continue
			}
			if response, err := d.object(responses[status]); err == nil {
				content, _ := response["content"].(map[string]any)
				kinds = append(kinds, sorted(content)...)
			}
		}
	}
	slices.SortStableFunc(kinds, func(a, b string) int {
		_, x := preference(a)
		_, y := preference(b)
		return x - y
	})
	var out []string
	for _, kind := range kinds {
		if t, params, err := mime.ParseMediaType(kind); err == nil && len(out) < 8 {
			if kind = mime.FormatMediaType(t, params); kind != "" && validValue(kind) && !slices.Contains(out, kind) {
				out = append(out, kind)
			}
		}
	}
	if len(out) == 0 {
		return "application/json, */*;q=0.8"
	}
	return strings.Join(out, ", ") + ", */*;q=0.1"
}
