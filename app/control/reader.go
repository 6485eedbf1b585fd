package control

import (
	"context"
	"io"
	"sync"
)

// An endingReader reads from r, and stops waiting when ctx ends. It asks r for
// no more than it was asked for. The read that it no longer waited for goes on
// in the background, and is the last.
type endingReader struct {
	ctx context.Context
	r   io.Reader

	mu  sync.Mutex // one Read at a time
	end error      // protected by mu
}

func (e *endingReader) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end == nil && e.ctx.Err() != nil {
		e.end = context.Cause(e.ctx)
	}
	if e.end != nil {
		return 0, e.end
	}
	if len(p) == 0 {
		return 0, nil
	}
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	// The caller may use p again when Read has returned, so a read that may
	// stay behind has memory of its own.
	buf := make([]byte, min(len(p), maxChunk))
	go func() {
		n, err := e.r.Read(buf)
		read <- result{buf[:n], err}
	}()
	select {
	case r := <-read:
		e.end = r.err
		return copy(p, r.data), r.err
	case <-e.ctx.Done():
		e.end = context.Cause(e.ctx)
		return 0, e.end
	}
}
