package measure

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// series is a sample that walks through durations made by next.
func series(next func() time.Duration) Sample {
	return func(context.Context) (time.Duration, error) { return next(), nil }
}

// around makes durations that scatter about a centre by up to spread of it.
func around(centre time.Duration, spread float64, seed uint64) func() time.Duration {
	random := rand.New(rand.NewPCG(seed, seed))
	return func() time.Duration {
		return time.Duration(float64(centre) * (1 + spread*(2*random.Float64()-1)))
	}
}

func TestCompareVerdict(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, c := range []struct {
		name            string
		ours, reference func() time.Duration
		limit           float64
		over            bool
	}{
		{"the same", around(10*ms, 0.01, 1), around(10*ms, 0.01, 2), 1.05, false},
		{"3 % more, quiet", around(10300*time.Microsecond, 0.01, 1), around(10*ms, 0.01, 2), 1.05, false},
		{"10 % more, quiet", around(11*ms, 0.01, 1), around(10*ms, 0.01, 2), 1.05, true},
		{"10 % more under a wide limit", around(11*ms, 0.01, 1), around(10*ms, 0.01, 2), 1.3, false},
		{"40 % more under a wide limit", around(14*ms, 0.01, 1), around(10*ms, 0.01, 2), 1.3, true},
		{"the same, noisy", around(10*ms, 0.5, 1), around(10*ms, 0.5, 2), 1.05, false},
		{"double, noisy", around(20*ms, 0.5, 1), around(10*ms, 0.5, 2), 1.05, true},
		{"half", around(5*ms, 0.01, 1), around(10*ms, 0.01, 2), 1.05, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Compare(t.Context(), 60, series(c.ours), series(c.reference))
			if err != nil {
				t.Fatal(err)
			}
			if row := got.Row("x", c.limit); row.Over != c.over {
				t.Errorf("over = %v with %+v", row.Over, got)
			}
			if got.Self < 0.7 || got.Self > 1.3 {
				t.Errorf("the reference against itself is %v", got.Self)
			}
			if got.Noise < got.Self {
				t.Errorf("noise %v is below the median %v", got.Noise, got.Self)
			}
		})
	}
}

// A noisy machine moves the bar: what is over on a quiet one is not there.
func TestNoiseMovesTheBar(t *testing.T) {
	t.Parallel()
	l := Latency{Pairs: 30, Ratio: 1.12, Self: 1, Noise: 1.01}
	if !l.Row("quiet", 1.05).Over {
		t.Error("1.12 against noise of 1.01 is not over 1.05")
	}
	l.Noise = 1.08
	if l.Row("noisy", 1.05).Over {
		t.Error("1.12 against noise of 1.08 is over 1.05")
	}
}

func TestCompareInterleaves(t *testing.T) {
	t.Parallel()
	var order strings.Builder
	log := func(letter string) Sample {
		return func(context.Context) (time.Duration, error) {
			order.WriteString(letter)
			return time.Millisecond, nil
		}
	}
	if _, err := Compare(t.Context(), MinPairs, log("o"), log("r")); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("orrrorrrororrroorr", MinPairs/6); order.String() != want {
		t.Errorf("order %s, want %s", order.String(), want)
	}
}

func TestCompareFailures(t *testing.T) {
	t.Parallel()
	fine := series(around(time.Millisecond, 0, 1))
	if _, err := Compare(t.Context(), MinPairs-1, fine, fine); !errors.Is(err, ErrTooFewPairs) {
		t.Errorf("29 pairs: %v", err)
	}
	boom := errors.New("boom")
	broken := func(context.Context) (time.Duration, error) { return 0, boom }
	if _, err := Compare(t.Context(), MinPairs, broken, fine); !errors.Is(err, boom) || !strings.Contains(err.Error(), "ours") {
		t.Errorf("ours broken: %v", err)
	}
	if _, err := Compare(t.Context(), MinPairs, fine, broken); !errors.Is(err, boom) || !strings.Contains(err.Error(), "reference") {
		t.Errorf("reference broken: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Compare(ended, MinPairs, fine, fine); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	if _, err := Compare(t.Context(), MinPairs, series(func() time.Duration { return 0 }), fine); err == nil {
		t.Error("a sample of nothing was accepted")
	}
}

func TestMedianAndPercentile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		median float64
		ninety float64
	}{
		{[]float64{3}, 3, 3},
		{[]float64{4, 1}, 2.5, 4},
		{[]float64{9, 1, 5}, 5, 9},
		{[]float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 5.5, 9},
	} {
		if got := Median(c.values); got != c.median {
			t.Errorf("Median(%v) = %v", c.values, got)
		}
		if got := Percentile(c.values, 90); got != c.ninety {
			t.Errorf("Percentile(%v, 90) = %v", c.values, got)
		}
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := Table{
		Quantity("memory", 120, 100, "MB", 1, 1.3, "PSS"),
		Latency{Pairs: 30, Ours: 1500 * time.Microsecond, Reference: time.Millisecond, Ratio: 1.5, Self: 1.01, Noise: 1.02}.Row("a call", 1.05),
	}
	if !table.Over() || table[:1].Over() {
		t.Error("the verdict is not that of the lines")
	}
	var text strings.Builder
	if _, err := table.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"120.0 MB", "100.0 MB", "1.200", "1.50 ms", "1.00 ms", "1.500", "1.010 (90% below 1.020)", "OVER", "median of 30 pairs"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if row := Bound("b", 50, 100, "ms", 1, ""); row.Over || row.Ratio != 0.5 || row.Reference != "at most 100 ms" {
		t.Errorf("%+v", row)
	}
	if !Bound("b", 101, 100, "ms", 1, "").Over || !Bound("b", math.NaN(), 100, "ms", 1, "").Over {
		t.Error("above its bound it is not over")
	}
	if !Quantity("none", 1, math.NaN(), "MB", 0, 1.3, "").Over {
		t.Error("a figure that is no number is within the limit")
	}
}

func TestSteady(t *testing.T) {
	t.Parallel()
	reference := []float64{1, 1.02, 0.98, 1}
	again := []float64{1, 1, 1, 1.01}
	for _, c := range []struct {
		ours float64
		over bool
	}{{0.5, false}, {1, false}, {1.2, true}, {math.NaN(), true}} {
		ours := []float64{c.ours, c.ours, c.ours, c.ours}
		row := Steady("x", ours, reference, again, "%", 2, 1, "")
		if row.Over != c.over {
			t.Errorf("%v: %+v", c.ours, row)
		}
		if row.Self == 0 || row.Noise < row.Self {
			t.Errorf("%+v", row)
		}
	}
}
