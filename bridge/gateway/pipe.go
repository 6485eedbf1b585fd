package gateway

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// patient is a transport whose client may end its input before it has read its
// answers: the end is held back until the calls under way are answered.
type patient struct{ mcp.Transport }

// endWithin is how long the end of the input is held back.
const endWithin = 30 * time.Second

// Connect implements mcp.Transport.
func (p patient) Connect(ctx context.Context) (mcp.Connection, error) {
	c, err := p.Transport.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &patientConn{Connection: c, open: map[jsonrpc.ID]bool{}, closed: make(chan struct{}), idle: make(chan struct{})}, nil
}

type patientConn struct {
	mcp.Connection
	closing sync.Once
	closed  chan struct{}

	mu    sync.Mutex // protects what follows
	open  map[jsonrpc.ID]bool
	ended bool
	idle  chan struct{} // closed when the input ended and nothing is open
}

// Read implements mcp.Connection.
func (c *patientConn) Read(ctx context.Context) (jsonrpc.Message, error) {
	m, err := c.Connection.Read(ctx)
	if r, ok := m.(*jsonrpc.Request); ok && err == nil && r.IsCall() && r.Method != "subscriptions/listen" {
		c.mu.Lock()
		c.open[r.ID] = true
		c.mu.Unlock()
	}
	if err == nil || !errors.Is(err, io.EOF) {
		return m, err
	}
	c.mu.Lock()
	c.ended = true
	c.settle()
	c.mu.Unlock()
	limit := time.NewTimer(endWithin)
	defer limit.Stop()
	select {
	case <-c.idle:
	case <-c.closed:
	case <-ctx.Done():
	case <-limit.C:
	}
	return m, err
}

// Write implements mcp.Connection.
func (c *patientConn) Write(ctx context.Context, m jsonrpc.Message) error {
	err := c.Connection.Write(ctx, m)
	if r, ok := m.(*jsonrpc.Response); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, r.ID)
		c.settle()
	}
	return err
}

// settle notes that nothing is open any more. The caller holds mu.
func (c *patientConn) settle() {
	if c.ended && len(c.open) == 0 {
		select {
		case <-c.idle:
		default:
			close(c.idle)
		}
	}
}

// Close implements mcp.Connection.
func (c *patientConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Connection.Close()
}
