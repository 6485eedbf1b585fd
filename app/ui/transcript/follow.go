package transcript

import "time"

// following is how the thread goes along with an answer that grows. One that
// comes faster than one can read moves by several lines at a time, with room for
// the next ones below its end: that is calmer to look at than a thread that moves
// in each frame, and far less to paint.
type following struct {
	height float32 // of the view, that the rest is for
	end    float32 // where the thread ended when it was looked at last
	grown  float32 // since the speed was taken
	since  time.Time
	speed  float32 // units a second
}

const (
	speedEvery = 250 * time.Millisecond // the speed is taken
	fastGrowth = 150                    // units a second, from which it moves by several lines
	stepEvery  = 900 * time.Millisecond // between two such moves
	mostRoom   = 0.4                    // of the height of the view, below the end
)

// along follows the end of the thread.
func (v *View) along(height float32, lay func(int) float32) {
	f := &v.following
	v.anchor = min(v.anchor, len(v.blocks)-1)
	// Where so much came at once that the end is far away, it is not walked to: all
	// that lies between would have to be laid out.
	far := 2 * height
	end := func() (y float32) {
		y = -v.above
		for i := v.anchor; i < len(v.blocks) && y < far; i++ {
			y += lay(i)
		}
		return y
	}
	if !v.grows() || f.height != height {
		*f = following{height: height}
		v.fromEnd(height, lay)
		f.end = end()
		return
	}
	y, now := end(), v.now()
	f.grown += max(y-f.end, 0)
	switch took := now.Sub(f.since); {
	case f.since.IsZero():
		f.since, f.grown = now, 0
	case took >= speedEvery:
		f.speed = f.grown / float32(took.Seconds())
		f.since, f.grown = now, 0
	}
	if limit := height - padEnd; y > limit || y < limit-mostRoom*height {
		room := float32(0)
		if y > limit && f.speed > fastGrowth {
			room = min(f.speed*float32(stepEvery.Seconds()), mostRoom*height)
		}
		v.fromEnd(height-room, lay)
		y = end()
	}
	f.end = y
}

// grows reports whether more of the last item may come.
func (v *View) grows() bool {
	if len(v.entries) == 0 {
		return false
	}
	switch item := v.entries[len(v.entries)-1].item.(type) {
	case Assistant:
		return item.Growing
	case Reasoning:
		return item.Growing
	}
	return false
}
