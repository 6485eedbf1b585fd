package control

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/drawbridge-app/drawbridge/store"
)

// Read asks the client to read its standard input once, for at most len(p)
// bytes, and waits for what comes. It ends early when the session does.
func (r *remote) Read(p []byte) (int, error) {
	in := &r.input
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.end != nil {
		return 0, in.end
	}
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := min(len(p), maxChunk)
	in.wanted.Store(int64(n))
	if err := r.frames.send(kindWant, putUint32(uint32(n))); err != nil {
		in.end = err
		return 0, err
	}
	select {
	case chunk := <-in.arrived:
		in.end = chunk.end
		return copy(p, chunk.data), chunk.end
	case <-r.ctx.Done():
		in.end = context.Cause(r.ctx)
		return 0, in.end
	}
}

func inputEnd(payload []byte) error {
	if len(payload) == 0 {
		return io.EOF
	}
	return fmt.Errorf("reading standard input: %s", payload)
}

// readSecret is [Session.ReadSecret] for a client.
func (r *remote) readSecret(ctx context.Context, prompt string) (store.Secret, error) {
	if !r.tty {
		return readLine(ctx, r)
	}
	if len(prompt) > maxText {
		return store.Secret{}, fmt.Errorf("a prompt of %d bytes is too long", len(prompt))
	}
	select {
	case r.asking <- struct{}{}:
		defer func() { <-r.asking }()
	case <-ctx.Done():
		return store.Secret{}, context.Cause(ctx)
	case <-r.ctx.Done():
		return store.Secret{}, context.Cause(r.ctx)
	}
	r.number++
	if r.number == 0 { // 0 is no question
		r.number++
	}
	number := r.number
	r.asked.Store(number)
	if err := r.frames.send(kindAsk, append(putUint32(number), prompt...)); err != nil {
		r.asked.Store(0)
		return store.Secret{}, err
	}
	var cause error
	select {
	case a := <-r.answers:
		return a.value, a.err
	case <-ctx.Done():
		cause = context.Cause(ctx)
	case <-r.ctx.Done():
		cause = context.Cause(r.ctx)
	}
	if !r.asked.CompareAndSwap(number, 0) {
		<-r.answers // it came in this moment; it is not for the next question
		return store.Secret{}, cause
	}
	_ = r.frames.send(kindAskEnd, putUint32(number))
	return store.Secret{}, cause
}

func newAnswer(status byte, data []byte) answer {
	switch status {
	case answerValue:
		return answer{value: store.NewSecret(string(data))}
	case answerNoInput:
		return answer{err: ErrNoInput}
	default:
		return answer{err: errors.New(string(data[:min(len(data), maxText)]))}
	}
}
