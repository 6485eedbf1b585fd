package chat

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
	"github.com/drawbridge-app/drawbridge/store"
)

// The bounds of what a model gets of one result, in bytes. The history keeps
// all of it.
const (
	openResult     = 64 << 10 // where the model's context is not known
	leastResult    = 4 << 10
	mostResult     = 256 << 10
	squeezedResult = 2 << 10 // where only that makes a turn fit
)

// resultLimit returns how many bytes a model gets of one result: about an eighth
// of its context.
func resultLimit(l store.ModelLimits) int {
	if l.Context <= 0 {
		return openResult
	}
	return int(min(max(l.Context/8*3, leastResult), mostResult))
}

// shaped is a tool message as a model gets it.
type shaped struct {
	message store.Message
	limit   int
	cut     bool
}

// cutResults returns the messages with the text of attached files put in, and
// the results that are too long for the model cut shorter, and whether there were any. It changes nothing in those
// that it gets.
func (t *turn) cutResults(msgs []store.Message) (out []store.Message, isCut bool) {
	limit := resultLimit(t.Limits(t.candidate().Ref))
	last := ""
	for i := len(t.chain) - 1; i >= 0 && last == ""; i-- {
		if t.chain[i].Role == store.RoleTool {
			last = t.chain[i].ID
		}
	}
	out = msgs
	for i, m := range msgs {
		if m.Role == store.RoleUser {
			if parts, changed := tools.Inline(m.Parts); changed { // what the person attached
				if &out[0] == &msgs[0] {
					out = slices.Clone(msgs)
				}
				out[i].Parts = parts
			}
		}
		if m.Role != store.RoleTool {
			continue
		}
		most := limit
		if t.squeezed == squeezedAll || t.squeezed == squeezedOld && m.ID != last {
			most = squeezedResult
		}
		s := t.shape(m, most)
		if &out[0] == &msgs[0] {
			out = slices.Clone(msgs)
		}
		out[i] = s.message
		isCut = isCut || s.cut
	}
	return out, isCut
}

// shape returns a tool message as a model gets it. That is found once for each
// message, as results do not change.
func (t *turn) shape(m store.Message, limit int) shaped {
	if s, ok := t.shapes[m.ID]; ok && s.limit == limit {
		return s
	}
	s := shaped{message: m, limit: limit}
	s.message.Parts = make(store.Parts, len(m.Parts))
	for i, p := range m.Parts {
		if r, ok := p.(store.ToolResult); ok {
			var isCut bool
			r, isCut = tools.Shape(r, r.CallID, limit)
			s.cut = s.cut || isCut
			p = r
		}
		s.message.Parts[i] = p
	}
	if t.shapes == nil {
		t.shapes = map[string]shaped{}
	}
	t.shapes[m.ID] = s
	return s
}

// readResult answers a call of read_result. A handle is the id of a call, and
// only calls of this chain count, so that nothing is read that another branch or
// conversation got.
func readResult(chain []store.Message, arguments json.RawMessage, limit int) tools.Result {
	handle, offset, length, err := tools.ReadArguments(arguments)
	if err != nil {
		return tools.ErrorResult(err.Error())
	}
	for _, m := range chain {
		for _, r := range m.Results() {
			if r.CallID == handle {
				// The line under it has room as well, so that the answer is not cut again.
				return tools.Read(r, offset, length, limit-256)
			}
		}
	}
	return tools.ErrorResult(fmt.Sprintf("There is no result with the handle %q in this conversation. Use the handle from the note in a shortened result.", cut(handle, maxCallID)))
}
