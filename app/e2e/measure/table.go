package measure

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Row is one line of the table: ours, its reference, and the verdict.
type Row struct {
	Name            string
	Ours, Reference string  // with their unit
	Ratio           float64 // ours divided by the reference
	Limit           float64 // what Ratio may be
	Self, Noise     float64 // of the reference against itself, see Latency; 0 where it was not measured
	Detail          string  // how it was measured, in a few words
	Over            bool    // Ratio is over the limit
}

// Row makes a line of the table of a latency, with the verdict that the
// package comment describes.
func (l Latency) Row(name string, limit float64) Row {
	return Row{
		Name:      name,
		Ours:      rounded(l.Ours),
		Reference: rounded(l.Reference),
		Ratio:     l.Ratio,
		Limit:     limit,
		Self:      l.Self,
		Noise:     l.Noise,
		Detail:    fmt.Sprintf("median of %d pairs", l.Pairs),
		Over:      l.Ratio > limit && l.Ratio > l.Noise+tolerance,
	}
}

// Quantity makes a line of the table of something that is no latency, such as
// memory: it is over its limit as soon as the ratio is. The two values are in
// the given unit and printed with so many digits behind the point.
func Quantity(name string, ours, reference float64, unit string, digits int, limit float64, detail string) Row {
	ratio := ours / reference
	return Row{
		Name:      name,
		Ours:      fmt.Sprintf("%.*f %s", digits, ours, unit),
		Reference: fmt.Sprintf("%.*f %s", digits, reference, unit),
		Ratio:     ratio,
		Limit:     limit,
		Detail:    detail,
		Over:      !(ratio <= limit), // also when it is no number
	}
}

// Bound makes a line of the table of something that has a limit in its own unit
// and nothing to stand beside: the ratio is of ours and that limit.
func Bound(name string, ours, most float64, unit string, digits int, detail string) Row {
	row := Quantity(name, ours, most, unit, digits, 1, detail)
	row.Reference = fmt.Sprintf("at most %g %s", most, unit)
	return row
}

// Steady makes a line of the table of something that was watched at the same
// time in ours and in two copies of the reference, interval by interval, such
// as the use of the processor. The three must be of one length, of at least one
// interval. It is over its limit when the median of the ratios is, and is above
// the 90th percentile of the reference against itself too: there is no
// tolerance beyond that noise.
func Steady(name string, ours, reference, again []float64, unit string, digits int, limit float64, detail string) Row {
	ratio, self, spread := figures(ours, reference, again)
	return Row{
		Name:      name,
		Ours:      fmt.Sprintf("%.*f %s", digits, Median(ours), unit),
		Reference: fmt.Sprintf("%.*f %s", digits, Median(slices.Concat(reference, again)), unit),
		Ratio:     ratio,
		Limit:     limit,
		Self:      self,
		Noise:     spread,
		Detail:    detail,
		Over:      !(ratio <= limit || ratio <= spread), // also when it is no number
	}
}

// rounded prints a duration with about four digits, in a unit that fits.
func rounded(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
	}
}

// A Table is what a run of benchmarks prints.
type Table []Row

// Over tells whether any line is over its limit.
func (t Table) Over() bool {
	for _, r := range t {
		if r.Over {
			return true
		}
	}
	return false
}

// WriteTo prints the table in columns.
func (t Table) WriteTo(w io.Writer) (int64, error) {
	var text bytes.Buffer
	text.WriteString(heading())
	for _, r := range t {
		text.WriteString(r.String())
	}
	return text.WriteTo(w)
}

// columns is a line of the table. The columns are as wide as the lines need that
// there are, since a line is printed before the next one is known.
const columns = "%-50s  %-10s  %-15s  %-6s  %-5s  %-25s  %-4s  %s\n"

func heading() string {
	return fmt.Sprintf(columns, "what", "ours", "reference", "ratio", "limit", "reference against itself", "", "how")
}

// String is the row as a line of the table, with its end.
func (r Row) String() string {
	self := "–"
	if r.Self != 0 {
		self = fmt.Sprintf("%.3f (90%% below %.3f)", r.Self, r.Noise)
	}
	verdict := "ok"
	if r.Over {
		verdict = "OVER"
	}
	return fmt.Sprintf(columns, r.Name, r.Ours, r.Reference, fmt.Sprintf("%.3f", r.Ratio), fmt.Sprintf("%.2f", r.Limit), self, verdict, r.Detail)
}
