// Package measure compares a program of ours with a reference that does the
// same work with less around it, and says whether the difference is within a
// limit. It holds the arithmetic and the table of Drawbridge's benchmarks; it
// starts nothing and knows nothing of windows or servers, which is for the
// benchmarks that use it.
//
// A latency is measured in rounds. Each round takes one sample of ours and two
// of the reference, in an order that changes from round to round, so that a
// machine that slows down slows all three:
//
//	call := func(ctx context.Context) (measure.Row, error) {
//		latency, err := measure.Compare(ctx, 30, callThroughBridge, callWithSDK)
//		return latency.Row("a tool call", 1.05), err
//	}
//	var table measure.Table
//	if err := table.Run(ctx, os.Stdout, []measure.Line{{"call", call}}); err != nil {
//		log.Fatal(err) // it names what is over its limit, and what failed
//	}
//
// # When a latency is over its limit
//
// The figure that counts is the median, over all rounds, of ours divided by the
// reference. The same figure of the reference against itself would be 1 on a
// quiet machine; how far it strays from 1 by chance is what this machine, in
// this run, cannot tell apart. Its 90th percentile is found by drawing the
// rounds anew, with replacement, a thousand times. A latency is over its limit
// when its figure is above the limit and also more than 0.05 above that 90th
// percentile. So a limit of 1.05 asks for a difference that is lost in the
// noise, and a limit of 1.3 is 1.3 unless the machine is too noisy to tell.
package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// MinPairs is the smallest number of rounds that Compare accepts.
const MinPairs = 30

// tolerance is how far above the noise a figure must be to be over its limit.
const tolerance = 0.05

// resamples is how often the rounds are drawn anew to find the noise.
const resamples = 1000

// ErrTooFewPairs is returned by Compare for fewer than MinPairs rounds.
var ErrTooFewPairs = errors.New("too few pairs for a median that means something")

// A Sample does the work once and says how long it took. What it does before
// and after the part that counts is left out of the duration it returns.
type Sample func(ctx context.Context) (time.Duration, error)

// Latency is what Compare found.
type Latency struct {
	Pairs           int           // rounds that were measured
	Ours, Reference time.Duration // medians
	Ratio           float64       // median of ours divided by the reference
	Self            float64       // the same figure of the reference against itself
	Noise           float64       // 90th percentile of Self
}

// Compare measures ours beside the reference in the given number of rounds. It
// stops at the first sample that fails, and says which one it was. A sample
// must leave nothing warm behind (a server that it talks to, for example): the
// reference is sampled twice as often.
func Compare(ctx context.Context, pairs int, ours, reference Sample) (Latency, error) {
	if pairs < MinPairs {
		return Latency{}, fmt.Errorf("%d pairs of %d: %w", pairs, MinPairs, ErrTooFewPairs)
	}
	samples := [3]Sample{ours, reference, reference}
	var took [3][]time.Duration
	for round := range pairs {
		for _, which := range orders[round%len(orders)] {
			if err := ctx.Err(); err != nil {
				return Latency{}, err
			}
			d, err := samples[which](ctx)
			if err != nil {
				return Latency{}, fmt.Errorf("round %d, %s: %w", round+1, [3]string{"ours", "the reference", "the reference"}[which], err)
			}
			if d <= 0 {
				return Latency{}, fmt.Errorf("round %d: a sample that took %v cannot be compared", round+1, d)
			}
			took[which] = append(took[which], d)
		}
	}
	l := Latency{
		Pairs:     pairs,
		Ours:      Median(took[0]),
		Reference: Median(slices.Concat(took[1], took[2])),
	}
	l.Ratio, l.Self, l.Noise = figures(took[0], took[1], took[2])
	return l, nil
}

// figures are those of Latency: the median of ours divided by the reference,
// of the reference divided by itself, and the noise of the latter.
func figures[T time.Duration | float64](ours, reference, again []T) (ratio, self, spread float64) {
	against := quotients(again, reference)
	return Median(quotients(ours, reference)), Median(against), noise(against)
}

// orders are all the ways to place ours (0) and the reference (1 and 2) in a
// round. Over six rounds each comes first, second and third equally often.
var orders = [...][3]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}, {1, 0, 2}, {2, 1, 0}, {0, 2, 1}}

func quotients[T time.Duration | float64](a, b []T) []float64 {
	q := make([]float64, len(a))
	for i := range a {
		q[i] = float64(a[i]) / float64(b[i])
	}
	return q
}

// noise is the 90th percentile of the median of ratios, over draws of the
// rounds with replacement. The draws are the same in each run.
func noise(ratios []float64) float64 {
	random := rand.New(rand.NewPCG(1, uint64(len(ratios))))
	medians := make([]float64, resamples)
	draw := make([]float64, len(ratios))
	for i := range medians {
		for j := range draw {
			draw[j] = ratios[random.IntN(len(ratios))]
		}
		medians[i] = Median(draw)
	}
	return Percentile(medians, 90)
}

// Median is the middle value, or the mean of the two middle ones. It panics
// when there is none.
func Median[T time.Duration | float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return sorted[middle-1] + (sorted[middle]-sorted[middle-1])/2
}

// Percentile is the smallest value that at least p per cent of the values do
// not exceed. It panics when there is none.
func Percentile[T time.Duration | float64](values []T, p int) T {
	sorted := slices.Sorted(slices.Values(values))
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
