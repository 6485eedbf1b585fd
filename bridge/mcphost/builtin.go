package mcphost

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// startBuiltin runs a server of this program over a pipe in memory.
func (m *Manager) startBuiltin(k *link, name string) {
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		defer func() {
			if p := recover(); p != nil {
				m.o.Logger.Error("what is built in failed", "server", name, "cause", fmt.Sprint(p))
				k.log.add(fmt.Sprintf("it failed: %v", p))
			}
		}()
		if err := m.o.Builtins[name](ctx, theirs); err != nil && ctx.Err() == nil {
			k.log.add(err.Error())
		}
		k.die(errors.New("it ended by itself"))
	}()
	k.lines = newLineConn(ours, ours, func() { ours.Close() }, k.events())
	k.end = func() {
		k.lines.Close()
		cancel()
		within(done, stopAfterTerm)
	}
}
