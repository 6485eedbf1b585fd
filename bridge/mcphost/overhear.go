package mcphost

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"time"

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

	answered bool          // the answer to the request was among them
	back     bool          // the server said that one may come back
	retry    time.Duration // after that time
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
		} else {
			o.answered = true // as far as one can tell
		}
		o.pending, o.skip = o.pending[i+2:], false
	}
	if len(o.pending) > overheardMax {
		o.pending, o.skip = o.pending[:0], true
	}
	if len(o.pending) == 0 {
		o.pending = nil
	}
	if err == io.EOF && o.back && !o.answered {
		o.back = false
		o.x.Paused(o.retry)
	}
	return n, err
}

// fields reads what an event says of the stream ("Sending messages to the
// server" of the specification): an id to come back with, or when.
func (o *overheard) fields(raw []byte) {
	var data []byte
	for line := range bytes.Lines(raw) {
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		value = bytes.TrimSpace(value)
		switch string(name) {
		case "id":
			o.back = o.back || len(value) > 0
		case "retry":
			if n, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				o.back, o.retry = true, time.Duration(n)*time.Millisecond
			}
		case "data":
			data = append(data, value...)
		}
	}
	var m struct{ Method *string }
	if len(data) > 0 && json.Unmarshal(data, &m) == nil && m.Method == nil {
		o.answered = true
	}
}

func (o *overheard) event(raw []byte) {
	if o.x != nil && o.x.Paused != nil {
		o.fields(raw)
	}
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
