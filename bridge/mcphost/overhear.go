package mcphost

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/drawbridge-app/drawbridge/bridge/tools"
)

// overheardMax bounds an event that is looked at, in bytes.
const overheardMax = 1 << 20

// overheard reads along in the stream that answers one request over HTTP. What a
// server reports of the request is passed on before its answer is read, which
// the SDK does not promise, and what it logs to the program whose request it is:
// here it belongs to that request, which the messages themselves do not say.
type overheard struct {
	io.ReadCloser
	x        *tools.Exchange // nil for requests of our own
	r        *tools.Redactor
	progress func(params json.RawMessage)

	pending []byte // of an event that is not ended yet
	skip    bool   // it is too long
}

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	o.pending = append(o.pending, p[:n]...)
	for {
		i := bytes.Index(o.pending, []byte("\n\n"))
		if j := bytes.Index(o.pending, []byte("\r\n\r\n")); j >= 0 && (i < 0 || j < i) {
			i = j + 2
		}
		if i < 0 {
			break
		}
		if !o.skip {
			o.event(o.pending[:i+2])
		}
		o.pending, o.skip = o.pending[i+2:], false
	}
	if len(o.pending) > overheardMax {
		o.pending, o.skip = o.pending[:0], true
	}
	if len(o.pending) == 0 {
		o.pending = nil
	}
	return n, err
}

func (o *overheard) event(raw []byte) {
	if !bytes.Contains(raw, []byte("notifications/")) {
		return
	}
	events := eventReader{data: raw}
	for data, ok := events.next(); ok; data, ok = events.next() {
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params json.RawMessage `json:"params"`
		}
		if json.Unmarshal(data, &m) != nil || len(m.ID) > 0 {
			continue
		}
		switch m.Method {
		case "notifications/progress":
			o.progress(m.Params)
		case "notifications/message":
			if o.x == nil || o.x.Log == nil {
				continue
			}
			if params := cleanWire(m.Params, o.r); params != nil {
				o.x.Log(params)
			}
		}
	}
}
