//go:build linux && e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/drawbridge-app/drawbridge/app/e2e/measure"
)

// threadLines are the lines of the table that app/e2e/bench/transcript measures,
// each in a process of its own.
var threadLines = []string{
	"append-prose", "append-prose-growth", "append-paragraph", "append-paragraph-growth", "append-fence", "append-fence-growth",
	"append-table", "append-table-growth", "append-list", "append-list-growth", "open", "open-memory", "scroll", "jump", "copy-text", "copy-markdown", "hostile",
}

// thread measures one of them.
func (b *bench) thread(name string) func(context.Context) (measure.Row, error) {
	return func(ctx context.Context) (row measure.Row, err error) {
		out, err := exec.CommandContext(ctx, b.transcript, name).Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
		}
		if err != nil {
			return row, fmt.Errorf("measure the thread: %w", err)
		}
		return row, json.Unmarshal(out, &row)
	}
}
