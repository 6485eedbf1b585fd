package modelapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// beat is how often a stream says that it lives while nothing happens.
const beat = 10 * time.Second

// sse writes server-sent events. Nothing is written before open.
type sse struct {
	w    http.ResponseWriter
	stop chan struct{}
	once sync.Once
	over sync.WaitGroup

	mu sync.Mutex // protects w
}

// open sends the headers, and begins to say that it lives.
func (s *sse) open(w http.ResponseWriter) {
	s.w, s.stop = w, make(chan struct{})
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	s.flush()
	s.over.Go(func() {
		tick := time.NewTicker(beat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.write([]byte(": working\n\n"))
			case <-s.stop:
				return
			}
		}
	})
}

// close ends the beat: nothing is written afterwards. It may come twice, and
// without open.
func (s *sse) close() {
	if s == nil || s.stop == nil {
		return
	}
	s.once.Do(func() { close(s.stop) })
	s.over.Wait()
}

func (s *sse) write(raw []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.w.Write(raw) // a client that left ends the request's context
	s.flush()
}

func (s *sse) flush() { _ = http.NewResponseController(s.w).Flush() }

// send writes one event; name is empty where the format has none.
func (s *sse) send(name string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		raw = []byte(`{"type":"error","message":"an event could not be written"}`)
	}
	if name != "" {
		name = "event: " + name + "\n"
	}
	s.write(fmt.Appendf(nil, "%sdata: %s\n\n", name, raw))
}
