package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Line is a line of a table that is still to be measured.
type Line struct {
	Name    string // short: what one writes to have this one alone measured
	Measure func(context.Context) (Row, error)
}

// What Run returns, beside the errors of the lines that failed.
var (
	ErrOver   = errors.New("over the limit")
	ErrFailed = errors.New("could not be measured")
)

// Run measures the lines one after the other, adds their rows to the table, and
// prints each as soon as it is there, so that nothing is lost when a later one
// hangs or is interrupted. A line that fails is printed with its reason, and those
// after it are measured all the same; only when the context ends is the rest left.
//
// The error names the lines that failed (ErrFailed, with their own errors) or were
// left (with the context's cause), and those over their limit (ErrOver).
func (t *Table) Run(ctx context.Context, w io.Writer, lines []Line) error {
	if _, err := io.WriteString(w, heading()); err != nil {
		return err
	}
	var over, failed []string
	var reasons []error
	for i, line := range lines {
		if ctx.Err() != nil {
			reasons = append(reasons, fmt.Errorf("%s and what comes after it were left: %w", lines[i].Name, context.Cause(ctx)))
			break
		}
		row, err := line.Measure(ctx)
		text := row.String()
		switch {
		case err != nil:
			failed = append(failed, line.Name)
			reasons = append(reasons, fmt.Errorf("%s: %w", line.Name, err))
			text = fmt.Sprintf("%-50s  FAILED: %s\n", line.Name, strings.ReplaceAll(err.Error(), "\n", " "))
		case row.Over:
			over = append(over, line.Name)
			fallthrough
		default:
			*t = append(*t, row)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		reasons = append(reasons, fmt.Errorf("%s: %w", strings.Join(failed, ", "), ErrFailed))
	}
	if len(over) > 0 {
		reasons = append(reasons, fmt.Errorf("%s: %w", strings.Join(over, ", "), ErrOver))
	}
	return errors.Join(reasons...)
}
