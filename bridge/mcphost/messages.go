package mcphost

import (
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// logMessageMax is how much of one log message is kept, in bytes: the log holds
// no more.
const logMessageMax = logRing

// notice takes a notification of the server that is neither progress nor
// cancellation. It does not block. What is not known is ignored.
func (k *link) notice(method string, params json.RawMessage) {
	switch method {
	case "notifications/message":
		level, text := logMessage(params)
		k.log.put(LogMessage, level, cut(k.redactor.Text(text), logMessageMax))
		if k.http == nil { // over HTTP they are overheard where they belong
			k.said(params)
		}
	case "notifications/tools/list_changed":
		k.changed()
	case "notifications/prompts/list_changed":
		k.offers.forget(listPrompts)
		k.changed()
	case "notifications/resources/list_changed":
		k.offers.forget(listResources)
		k.offers.forget(listTemplates)
		k.changed()
	case "notifications/resources/updated":
		var p struct{ URI string }
		if json.Unmarshal(params, &p) == nil {
			k.offers.updated(p.URI)
		}
	case "notifications/elicitation/complete":
		var p struct {
			ID string `json:"elicitationId"`
		}
		if json.Unmarshal(params, &p) == nil && p.ID != "" {
			k.completed(p.ID)
		}
	}
}

// announces reports whether a server says unasked that something changed.
func announces(c *mcp.ServerCapabilities) bool {
	return c != nil && (c.Tools != nil && c.Tools.ListChanged || c.Prompts != nil && c.Prompts.ListChanged ||
		c.Resources != nil && (c.Resources.ListChanged || c.Resources.Subscribe))
}

// levels are those of log messages ("Logging" of the specification), the least
// first.
var levels = [...]string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// logMessage turns the parameters of notifications/message into a line that
// begins with the level in brackets.
func logMessage(params json.RawMessage) (level, line string) {
	var p struct {
		Level, Logger string
		Data          json.RawMessage
	}
	level = "info" // of what is no level
	if json.Unmarshal(params, &p) != nil {
		return level, ""
	}
	for _, l := range levels {
		if l == p.Level {
			level = l
		}
	}
	var text string
	if json.Unmarshal(p.Data, &text) != nil {
		text = string(p.Data)
	}
	if p.Logger != "" {
		text = cut(p.Logger, 200) + ": " + text
	}
	return level, "[" + level + "] " + text
}
