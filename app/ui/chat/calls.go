package chat

import (
	"encoding/json"

	"github.com/drawbridge-app/drawbridge/app/ui/say"
	"github.com/drawbridge-app/drawbridge/app/ui/transcript"
	"github.com/drawbridge-app/drawbridge/bridge/chat"
	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// callItem is the card of a call.
func (v *view) callItem(e *entry) transcript.Item {
	c := transcript.Call{
		ID: e.id, Arguments: chat.Meant(e.call.call).Arguments, Progress: e.call.progress, Foot: e.foot,
		Edited: e.call.edited,
	}
	if e.call.state == callDone {
		c.Edited = e.call.result.Edited // nil where the changed call was refused after all
	}
	c.Server, c.Tool = v.toolName(e.call.call)
	switch e.call.state {
	case callWriting, callWaiting:
		c.State = transcript.CallWaiting
	case callRunning:
		c.State = transcript.CallRunning
	case callAsked:
		return v.asking(e, c)
	case callDone:
		c.State = transcript.CallDone
		if e.call.result.IsError {
			c.State = transcript.CallFailed
		}
		c.Result = &e.call.result
	}
	return c
}

// toolName is what people call the server and the tool of a call: the real one
// of a call through the search, and in words what Drawbridge's own functions do.
func (v *view) toolName(c store.ToolCall) (server, tool string) {
	switch {
	case c.Server != "":
		return v.serverName(c.Server), c.Tool
	case tools.Own(c.Name):
		return "", ownName(c)
	}
	// While the model still writes the arguments, only the name is known that
	// the tool has for the model.
	for _, s := range v.p.views {
		for i := range s.Passed {
			if t := &s.Passed[i]; t.Ref.String() == c.Name {
				return s.Server.Name, t.Tool
			}
		}
	}
	if c.Tool != "" {
		return "", c.Tool
	}
	return "", c.Name
}

// maxQuery is how much of a search is shown in the line of its card, in
// characters.
const maxQuery = 80

// ownName says what a call of one of Drawbridge's own functions does.
func ownName(c store.ToolCall) string {
	var in struct{ Query, Name string }
	// Arguments that are not whole, or no object, only leave the words out.
	_ = json.Unmarshal(c.Arguments, &in)
	switch {
	case c.Name == tools.FindTools && in.Query != "":
		return say.F("Find tools: “%s”", shortenRunes(in.Query, maxQuery))
	case c.Name == tools.FindTools:
		return say.T("Find tools")
	case c.Name == tools.CallTool && in.Name != "":
		return say.F("Call %s", shortenRunes(in.Name, maxQuery))
	case c.Name == tools.CallTool:
		return say.T("Call a tool")
	}
	return say.T("Read on in a long result")
}
