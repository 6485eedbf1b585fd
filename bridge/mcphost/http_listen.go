package mcphost

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"
)

// listen keeps the stream open on which a server of the older era says that
// something changed, where it announced that it does. Losing it, or not having it,
// does the session no harm. It ends with the link.
func (k *link) listen(o Options) {
	hello := k.session.InitializeResult()
	if hello.ProtocolVersion > olderEra || !announces(hello.Capabilities) && o.Elicitor == nil && len(k.roots) == 0 {
		return
	}
	heard := make(chan struct{})
	k.heard = heard
	var once sync.Once
	go func() {
		defer once.Do(func() { close(heard) })
		for failures := 1; ; failures++ {
			began := time.Now()
			again := k.listenOnce(hello.ProtocolVersion, o.Elicitor, func() { once.Do(func() { close(heard) }) })
			if !again || k.isDead() {
				return
			}
			if time.Since(began) > time.Minute {
				failures = 1
			}
			t := time.NewTimer(backoff(o, failures))
			select {
			case <-t.C:
			case <-k.dead:
				t.Stop()
				return
			}
			k.changed() // what was said meanwhile was missed
		}
	}()
}

// heardWithin is how long a start waits for the stream to be open: what a server
// asks while it runs a call is lost before that.
const heardWithin = 250 * time.Millisecond

// listenOnce reads the stream until it ends, and reports whether to open it
// again: not if the server has none. opened is called when the answer begins, or
// there is none.
func (k *link) listenOnce(version string, by Elicitor, opened func()) bool {
	req, err := http.NewRequestWithContext(k.http.life, http.MethodGet, k.http.address, nil)
	if err != nil {
		return false
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Mcp-Protocol-Version", version)
	if id := k.session.ID(); id != "" {
		req.Header.Set("Mcp-Session-Id", id)
	}
	// The answer of this stream is not what explains a failing call.
	quiet := &httpLink{base: k.http.base, origin: k.http.origin, address: k.http.address, headers: k.http.headers, life: k.http.life, tap: k.http.tap}
	resp, err := quiet.client().Do(req)
	opened()
	if err != nil {
		return k.http.life.Err() == nil
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 && resp.StatusCode < 500 || resp.StatusCode < 300 && mediaType(resp) != "text/event-stream" {
		return false
	}
	if resp.StatusCode >= 300 {
		return true
	}
	asking := &httpAsking{k: k, client: quiet.client(), version: version, by: by, running: map[string]context.CancelFunc{}}
	defer asking.end()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 4<<10), messageMax)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		asking.take(data)
	}
	return true
}
