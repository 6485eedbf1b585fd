package uitest

import (
	"context"
	"io"

	"github.com/drawbridge-app/drawbridge/bridge"
)

// Storage returns Stored.
func (e *Engine) Storage(context.Context) (bridge.Storage, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Stored, nil
}

// ClearLogs empties them.
func (e *Engine) ClearLogs() error {
	err := e.did("clear the logs")
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.Stored.Logs = 0
	}
	return err
}

// ExportAll writes "everything".
func (e *Engine) ExportAll(_ context.Context, w io.Writer, told func(done, of int)) error {
	if err := e.did("export everything"); err != nil {
		return err
	}
	told(1, 2)
	told(2, 2)
	_, err := io.WriteString(w, "everything")
	return err
}

// ImportFile returns Taken.
func (e *Engine) ImportFile(_ context.Context, name string) (bridge.Imported, error) {
	err := e.did("import %s", name)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.Taken, err
}
