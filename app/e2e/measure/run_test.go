package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// gives is a line that gives a row, and checks first what was printed before.
func gives(t *testing.T, row Row, printed *strings.Builder, before ...string) Line {
	return Line{row.Name, func(context.Context) (Row, error) {
		for _, want := range before {
			if !strings.Contains(printed.String(), want) {
				t.Errorf("when %s is measured, %q is not printed yet:\n%s", row.Name, want, printed)
			}
		}
		return row, nil
	}}
}

func TestRunGoesOn(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	boom := errors.New("the reference\ndid not end")
	var table Table
	err := table.Run(t.Context(), &printed, []Line{
		gives(t, Quantity("first", 1, 2, "MB", 1, 1, ""), &printed, "what", "against itself"),
		{"idle", func(context.Context) (Row, error) { return Row{}, boom }},
		gives(t, Quantity("third", 3, 2, "MB", 1, 1, "a detail"), &printed, "first", "idle", "FAILED: the reference did not end"),
		{"stream", func(context.Context) (Row, error) { return Row{}, boom }},
		gives(t, Quantity("fifth", 2, 2, "MB", 1, 1, ""), &printed, "OVER  a detail\n"),
	})
	if !errors.Is(err, boom) || !errors.Is(err, ErrFailed) || !errors.Is(err, ErrOver) {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"idle, stream: could not be measured", "third: over the limit"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	var names []string
	for _, row := range table {
		names = append(names, row.Name)
	}
	if want := []string{"first", "third", "fifth"}; !slices.Equal(names, want) {
		t.Errorf("the table has %v, want %v", names, want)
	}
	if n := strings.Count(printed.String(), "\n"); n != 6 {
		t.Errorf("%d lines were printed, want 6:\n%s", n, printed.String())
	}
	var whole strings.Builder
	if _, err := table.WriteTo(&whole); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(whole.String()) {
		if !strings.Contains(printed.String(), line) {
			t.Errorf("%q is printed otherwise line by line", line)
		}
	}
}

func TestRunWithoutFault(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	var table Table
	if err := table.Run(t.Context(), &printed, []Line{gives(t, Quantity("one", 1, 2, "MB", 1, 1, ""), &printed)}); err != nil {
		t.Error(err)
	}
}

// An interruption leaves what was measured, and what was not is no line of it.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	var printed strings.Builder
	var table Table
	err := table.Run(ctx, &printed, []Line{
		{"one", func(context.Context) (Row, error) {
			stop(enough)
			return Quantity("one", 1, 2, "MB", 1, 1, ""), nil
		}},
		{"two", func(context.Context) (Row, error) {
			t.Error("it is measured after the end")
			return Row{}, nil
		}},
	})
	if !errors.Is(err, enough) || !strings.Contains(fmt.Sprint(err), "two and what comes after it were left") {
		t.Errorf("%v", err)
	}
	if len(table) != 1 || !strings.Contains(printed.String(), "one") {
		t.Errorf("%v is left, and printed is\n%s", table, printed.String())
	}
}
